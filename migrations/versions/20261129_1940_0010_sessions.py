"""Sessions as rows of the database; everybody signs in again once"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("dev", sa.String(length=36), nullable=True),
        sa.Column("browser", sa.String(length=60), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("created_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("seen_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("ended_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.Column("ended_how", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_session_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("hash", name=op.f("uq_session_hash")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index("ix_session_user", ["user_id", "dev"], unique=False)
        batch_op.create_index("ix_session_seen", ["seen_at"], unique=False)

    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_column("session_key")


def downgrade():
    # No cookie of these sessions is understood by the version before: the key may be the same for all.
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("session_key", sa.String(length=32), server_default="", nullable=False))
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.alter_column("session_key", server_default=None)

    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index("ix_session_seen")
        batch_op.drop_index("ix_session_user")

    op.drop_table("session")
