"""Indexes by which the refused records of one person in a day are counted"""

import sqlalchemy as sa
from alembic import op


revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

REFUSED = sa.text("outcome <> 'accepted'")


def upgrade():
    op.create_index('ix_receipt_refused', 'receipt', ['user_id', 'received_at'], unique=False,
        sqlite_where=REFUSED, postgresql_where=REFUSED)
    op.create_index('ix_quarantine_sender', 'quarantine', ['sender_id', 'received_at'], unique=False)


def downgrade():
    op.drop_index('ix_quarantine_sender', table_name='quarantine')
    op.drop_index('ix_receipt_refused', table_name='receipt')
