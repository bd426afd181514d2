"""Lives of phones' stores say when they were seen to be copied or set back"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("copied_at", fieldapp.platform.database.Moment(timezone=True), nullable=True))


def downgrade():
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_column("copied_at")
