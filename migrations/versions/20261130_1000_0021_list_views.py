"""Views of lists that people save and share"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "list_view",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("list_name", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("sort", sa.String(length=40), nullable=False),
        sa.Column("shared_with", sa.String(length=60), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=False),
        sa.Column("created_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("list_view", schema=None) as batch_op:
        batch_op.create_index("ix_list_view_list", ["list_name", "owner_id"], unique=False)
        batch_op.create_index("ix_list_view_shared", ["list_name", "shared_with"], unique=False)


def downgrade():
    with op.batch_alter_table("list_view", schema=None) as batch_op:
        batch_op.drop_index("ix_list_view_shared")
        batch_op.drop_index("ix_list_view_list")
    op.drop_table("list_view")
