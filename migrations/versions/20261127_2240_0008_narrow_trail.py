"""Write less for each entry of the trail: its number is SQLite's own row number, and nobody looks entries up by op."""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def _number(type_):
    # On SQLite only an INTEGER key is the row's own number; a BIGINT one has an index beside the table.
    if op.get_bind().dialect.name == 'sqlite':
        with op.batch_alter_table('audit_entry', schema=None, recreate='always') as batch_op:
            batch_op.alter_column('id', type_=type_, existing_nullable=False, autoincrement=False)


def upgrade():
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.drop_index('ix_audit_entry_op')
    _number(sa.Integer())


def downgrade():
    _number(sa.BigInteger())
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.create_index('ix_audit_entry_op', ['op'])
