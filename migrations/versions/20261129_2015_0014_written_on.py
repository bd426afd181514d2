"""Receipts, cases and expenses say when they were written, and why that is in doubt."""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade():
    for table in ("receipt", "approval_case", "expense_item"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("clock_doubt", sa.String(length=12), nullable=True))
    with op.batch_alter_table("approval_case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("written_at", fieldapp.platform.database.Moment(timezone=True), nullable=True))


def downgrade():
    with op.batch_alter_table("approval_case", schema=None) as batch_op:
        batch_op.drop_column("written_at")
    for table in ("expense_item", "approval_case", "receipt"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("clock_doubt")
