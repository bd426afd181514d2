"""Deadlines and their events"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade():
    moment = fieldapp.platform.database.Moment(timezone=True)
    op.create_table(
        "deadline",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.String(length=36), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("limit_s", sa.Integer(), nullable=False),
        sa.Column("calendar_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("warn_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("used_s", sa.Integer(), nullable=False),
        sa.Column("paused_s", sa.Integer(), nullable=False),
        sa.Column("off_s", sa.Integer(), nullable=False),
        sa.Column("missed_s", sa.Integer(), nullable=False),
        sa.Column("fixed_by_hand", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("warned_at", moment, nullable=True),
        sa.Column("breached_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline")),
        sa.UniqueConstraint(
            "subject_type", "subject_id", "kind", "round", name=op.f("uq_deadline_subject_type_subject_id_kind_round")
        ),
    )
    op.create_index("ix_deadline_state", "deadline", ["state", "due_at"])
    op.create_table(
        "deadline_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("deadline_id", sa.String(length=36), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("op", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["deadline_id"], ["deadline.id"], name=op.f("fk_deadline_event_deadline_id_deadline")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline_event")),
    )
    op.create_index("ix_deadline_event_deadline_id", "deadline_event", ["deadline_id"])


def downgrade():
    op.drop_table("deadline_event")
    op.drop_table("deadline")
