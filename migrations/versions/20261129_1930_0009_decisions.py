"""Cases keep the version and what is decided upon; requests without a group have none."""

import sqlalchemy as sa
from alembic import op


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('approval_case', schema=None) as batch_op:
        batch_op.add_column(sa.Column('ver', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('shown', sa.JSON(none_as_null=True), nullable=True))
        batch_op.alter_column('group_id', existing_type=sa.Integer(), nullable=True)
    with op.batch_alter_table('approval_step', schema=None) as batch_op:
        batch_op.add_column(sa.Column('why', sa.String(length=12), nullable=True))


def downgrade():
    # Before, a request without a group had the first group of the table.
    op.execute('UPDATE approval_case SET group_id = (SELECT min(id) FROM "group") WHERE group_id IS NULL')
    with op.batch_alter_table('approval_step', schema=None) as batch_op:
        batch_op.drop_column('why')
    with op.batch_alter_table('approval_case', schema=None) as batch_op:
        batch_op.alter_column('group_id', existing_type=sa.Integer(), nullable=False)
        batch_op.drop_column('shown')
        batch_op.drop_column('ver')
