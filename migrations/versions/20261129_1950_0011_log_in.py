"""Wrong passwords, counted per account and address; browsers that are known"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "login_bucket",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.Column("last_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("free_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("refusal_noted", sa.Boolean(), nullable=False),
        sa.Column("network", sa.String(length=45), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_bucket")),
    )
    with op.batch_alter_table("login_bucket", schema=None) as batch_op:
        batch_op.create_index("ix_login_bucket_last", ["last_at"], unique=False)

    op.create_table(
        "known_browser",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("used_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_known_browser_user_id_user")),
        sa.PrimaryKeyConstraint("hash", "user_id", name=op.f("pk_known_browser")),
    )
    with op.batch_alter_table("known_browser", schema=None) as batch_op:
        batch_op.create_index("ix_known_browser_used", ["used_at"], unique=False)

    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("wrong_count", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("wrong_at", fieldapp.platform.database.Moment(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("wrong_network", sa.String(length=45), server_default="", nullable=False))


def downgrade():
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_column("wrong_network")
        batch_op.drop_column("wrong_at")
        batch_op.drop_column("wrong_count")

    with op.batch_alter_table("known_browser", schema=None) as batch_op:
        batch_op.drop_index("ix_known_browser_used")

    op.drop_table("known_browser")
    with op.batch_alter_table("login_bucket", schema=None) as batch_op:
        batch_op.drop_index("ix_login_bucket_last")

    op.drop_table("login_bucket")
