"""Index only receipts that wait or were corrected, and items in a claim: other records are written without."""

import sqlalchemy as sa
from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

WAITS = sa.text("outcome = 'held'")
CORRECTED = sa.text("superseded_by IS NOT NULL")
CLAIMED = sa.text("claim_id IS NOT NULL")


def upgrade():
    with op.batch_alter_table('receipt', schema=None) as batch_op:
        batch_op.drop_index('ix_receipt_agg')
        batch_op.drop_index('ix_receipt_waiting')
        batch_op.drop_index('ix_receipt_superseded_by')
        batch_op.create_index('ix_receipt_waiting', ['user_id'], sqlite_where=WAITS, postgresql_where=WAITS)
        batch_op.create_index(
            'ix_receipt_superseded_by', ['superseded_by'], sqlite_where=CORRECTED, postgresql_where=CORRECTED
        )
    with op.batch_alter_table('expense_item', schema=None) as batch_op:
        batch_op.drop_index('ix_expense_item_claim')
        batch_op.create_index(
            'ix_expense_item_claim', ['claim_id', 'id'], sqlite_where=CLAIMED, postgresql_where=CLAIMED
        )


def downgrade():
    with op.batch_alter_table('expense_item', schema=None) as batch_op:
        batch_op.drop_index('ix_expense_item_claim')
        batch_op.create_index('ix_expense_item_claim', ['claim_id', 'id'])
    with op.batch_alter_table('receipt', schema=None) as batch_op:
        batch_op.drop_index('ix_receipt_superseded_by')
        batch_op.drop_index('ix_receipt_waiting')
        batch_op.create_index('ix_receipt_superseded_by', ['superseded_by'])
        batch_op.create_index('ix_receipt_waiting', ['user_id', 'outcome'])
        batch_op.create_index('ix_receipt_agg', ['agg_type', 'agg_id'])
