"""Phones: tokens, what is unsent and missing; records of closed accounts"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "device_token",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("dev", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("used_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_device_token_user_id_user")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_device_token")),
    )
    with op.batch_alter_table("device_token", schema=None) as batch_op:
        batch_op.create_index("ix_device_token_phone", ["user_id", "dev"], unique=False)

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unsent", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("oldest_at", fieldapp.platform.database.Moment(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("dropped", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("missing", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("missing_count", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("missing_since", fieldapp.platform.database.Moment(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("missing_seen_at", fieldapp.platform.database.Moment(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("missing_settled_at", fieldapp.platform.database.Moment(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column("revoked_at", fieldapp.platform.database.Moment(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("revoked_by", sa.Integer(), nullable=True))
        batch_op.create_index("ix_device_recent", ["last_seen_at", "id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_device_revoked_by_user"), "user", ["revoked_by"], ["id"])

    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.add_column(sa.Column("author_inactive", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_index(
            "ix_receipt_inactive",
            ["received_at", "op"],
            unique=False,
            sqlite_where=sa.text("author_inactive"),
            postgresql_where=sa.text("author_inactive"),
        )


def downgrade():
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_receipt_inactive", sqlite_where=sa.text("author_inactive"), postgresql_where=sa.text("author_inactive")
        )
        batch_op.drop_column("author_inactive")

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_device_revoked_by_user"), type_="foreignkey")
        batch_op.drop_index("ix_device_recent")
        batch_op.drop_column("revoked_by")
        batch_op.drop_column("revoked_at")
        batch_op.drop_column("missing_settled_at")
        batch_op.drop_column("missing_seen_at")
        batch_op.drop_column("missing_since")
        batch_op.drop_column("missing_count")
        batch_op.drop_column("missing")
        batch_op.drop_column("dropped")
        batch_op.drop_column("oldest_at")
        batch_op.drop_column("unsent")

    with op.batch_alter_table("device_token", schema=None) as batch_op:
        batch_op.drop_index("ix_device_token_phone")

    op.drop_table("device_token")
