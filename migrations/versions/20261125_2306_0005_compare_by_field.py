"""Versions of assets for the comparison by field, and where merged records went."""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "redirect",
        sa.Column("table_name", sa.String(length=40), nullable=False),
        sa.Column("from_id", sa.String(length=36), nullable=False),
        sa.Column("to_id", sa.String(length=36), nullable=False),
        sa.Column("at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "from_id", name=op.f("pk_redirect")),
    )
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ver", sa.Integer(), nullable=False, server_default="1"))


def downgrade():
    with op.batch_alter_table("asset", schema=None) as batch_op:
        batch_op.drop_column("ver")

    op.drop_table("redirect")
