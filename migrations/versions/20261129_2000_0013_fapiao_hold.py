"""A fapiao is held by a claim, so that one claim may have several expenses on it."""

import sqlalchemy as sa
from alembic import op


revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

_HELD = sa.text("fapiao_number <> '' AND state IN ('claimed', 'approved', 'paid')")


def upgrade():
    op.create_table('fapiao_hold',
    sa.Column('number', sa.String(length=30), nullable=False),
    sa.Column('code', sa.String(length=20), nullable=False),
    sa.Column('claim_id', sa.String(length=36), nullable=False),
    sa.ForeignKeyConstraint(['claim_id'], ['expense_claim.id'], name=op.f('fk_fapiao_hold_claim_id_expense_claim')),
    sa.PrimaryKeyConstraint('number', 'code', name=op.f('pk_fapiao_hold'))
    )
    with op.batch_alter_table('fapiao_hold', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_fapiao_hold_claim_id'), ['claim_id'])
    with op.batch_alter_table('expense_item', schema=None) as batch_op:
        batch_op.drop_index('uq_expense_item_fapiao_held', sqlite_where=_HELD, postgresql_where=_HELD)
    # A number of 20 digits is the whole key (D-EXP-8): a code beside it made it another fapiao.
    op.execute("UPDATE expense_item SET fapiao_code = '' WHERE length(fapiao_number) = 20")
    # Returned claims held nothing before: where two have the same fapiao, one sent and not returned comes first.
    op.execute(
        "INSERT INTO fapiao_hold (number, code, claim_id) "
        "SELECT fapiao_number, fapiao_code, coalesce("
        "min(CASE WHEN state <> 'returned' THEN claim_id END), min(claim_id)) "
        "FROM expense_item WHERE fapiao_number <> '' AND claim_id IS NOT NULL "
        "AND state IN ('claimed', 'approved', 'paid', 'returned') GROUP BY fapiao_number, fapiao_code"
    )


def downgrade():
    # Before, one fapiao was one expense: the others of its claim keep it in their note.
    op.execute(
        "UPDATE expense_item SET note = note || ' ' || fapiao_code || ' ' || fapiao_number, fapiao_number = '', fapiao_code = '' "
        "WHERE fapiao_number <> '' AND state IN ('claimed', 'approved', 'paid') AND id NOT IN ("
        "SELECT min(id) FROM expense_item WHERE fapiao_number <> '' AND state IN ('claimed', 'approved', 'paid') "
        "GROUP BY fapiao_number, fapiao_code)"
    )
    with op.batch_alter_table('expense_item', schema=None) as batch_op:
        batch_op.create_index(
            'uq_expense_item_fapiao_held', ['fapiao_number', 'fapiao_code'], unique=True,
            sqlite_where=_HELD, postgresql_where=_HELD,
        )
    op.drop_table('fapiao_hold')
