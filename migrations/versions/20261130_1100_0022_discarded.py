"""When the author discarded a refused record"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.add_column(sa.Column("discarded_at", fieldapp.platform.database.Moment(), nullable=True))


def downgrade():
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.drop_column("discarded_at")
