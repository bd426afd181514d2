"""Links with which people set a new password"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "password_reset",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("made_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["user.id"], name=op.f("fk_password_reset_made_by_user")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_password_reset_user_id_user")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_password_reset")),
        sa.UniqueConstraint("user_id", name=op.f("uq_password_reset_user_id")),
    )


def downgrade():
    op.drop_table("password_reset")
