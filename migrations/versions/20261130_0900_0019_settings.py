"""Versions of the working calendar"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0019"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "calendar",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("week", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=False),
        sa.Column("recorded_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["recorded_by"], ["user.id"], name=op.f("fk_calendar_recorded_by_user")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_calendar")),
        sa.UniqueConstraint("record_id", name=op.f("uq_calendar_record_id")),
    )
    op.create_table(
        "calendar_day",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("shifts", sa.String(length=100), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_calendar_day_group_id_group")),
        sa.ForeignKeyConstraint(["version"], ["calendar.version"], name=op.f("fk_calendar_day_version_calendar")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_day")),
    )
    op.create_index("ix_calendar_day_version", "calendar_day", ["version", "day"])


def downgrade():
    op.drop_index("ix_calendar_day_version", table_name="calendar_day")
    op.drop_table("calendar_day")
    op.drop_table("calendar")
