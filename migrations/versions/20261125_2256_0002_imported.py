"""A receipt says who brought its record in from a rescue file."""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('receipt', schema=None) as batch_op:
        batch_op.add_column(sa.Column('imported_by', sa.Integer(), nullable=True))
        batch_op.create_foreign_key(batch_op.f('fk_receipt_imported_by_user'), 'user', ['imported_by'], ['id'])



def downgrade():
    with op.batch_alter_table('receipt', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_receipt_imported_by_user'), type_='foreignkey')
        batch_op.drop_column('imported_by')

