"""Memberships from a day to a day, groups with a parent and an end, deputies, decisions on somebody's behalf"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ZONE = ZoneInfo("Asia/Shanghai")


def upgrade():
    with op.batch_alter_table("group", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("ended_on", sa.Date(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_group_parent_id_group"), "group", ["parent_id"], ["id"])

    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("from_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("until_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("by", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE membership SET kind = CASE role WHEN 'leader' THEN 'lead' ELSE 'member' END")
    _begin_with_accounts()
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=10), nullable=False)
        batch_op.alter_column("from_on", existing_type=sa.Date(), nullable=False)
        batch_op.create_foreign_key(batch_op.f("fk_membership_by_user"), "user", ["by"], ["id"])
        batch_op.drop_constraint("uq_membership_user_id_group_id_role", type_="unique")

    op.create_table(
        "deputy",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("principal_id", sa.Integer(), nullable=False),
        sa.Column("deputy_id", sa.Integer(), nullable=False),
        sa.Column("from_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("to_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("verbs", sa.Text(), server_default="", nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=False),
        sa.Column("ended_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["deputy_id"], ["user.id"], name=op.f("fk_deputy_deputy_id_user")),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_deputy_group_id_group")),
        sa.ForeignKeyConstraint(["made_by"], ["user.id"], name=op.f("fk_deputy_made_by_user")),
        sa.ForeignKeyConstraint(["principal_id"], ["user.id"], name=op.f("fk_deputy_principal_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deputy")),
    )
    op.create_index("ix_deputy_deputy", "deputy", ["deputy_id", "to_at"])
    op.create_index(op.f("ix_deputy_principal_id"), "deputy", ["principal_id"])

    with op.batch_alter_table("approval_step", schema=None) as batch_op:
        batch_op.add_column(sa.Column("on_behalf_of", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_approval_step_on_behalf_of_user"), "user", ["on_behalf_of"], ["id"]
        )


def _begin_with_accounts():
    """Let every present membership begin on the day its person's account was made."""
    moment = fieldapp.platform.database.Moment()
    user = sa.table("user", sa.column("id", sa.Integer), sa.column("created_at", moment))
    membership = sa.table("membership", sa.column("user_id", sa.Integer), sa.column("from_on", sa.Date))
    connection = op.get_bind()
    rows = connection.execute(sa.select(user.c.id, user.c.created_at)).all()
    days = [{"person": number, "day": _day(made)} for number, made in rows]
    if days:
        statement = sa.update(membership).where(membership.c.user_id == sa.bindparam("person"))
        connection.execute(statement.values(from_on=sa.bindparam("day")), days)


def _day(made: datetime) -> date:
    aware = made if made.tzinfo else made.replace(tzinfo=UTC)
    return aware.astimezone(ZONE).date()


def downgrade():
    with op.batch_alter_table("approval_step", schema=None) as batch_op:
        batch_op.drop_constraint("fk_approval_step_on_behalf_of_user", type_="foreignkey")
        batch_op.drop_column("on_behalf_of")
    op.drop_table("deputy")
    # The version before knows no days: it keeps what holds today, once each.
    op.get_bind().execute(
        sa.text("DELETE FROM membership WHERE from_on > :day OR (until_on IS NOT NULL AND until_on <= :day)").bindparams(
            sa.bindparam("day", datetime.now(ZONE).date(), type_=sa.Date())
        )
    )
    op.execute(
        "DELETE FROM membership WHERE EXISTS (SELECT 1 FROM membership earlier WHERE earlier.id < membership.id "
        "AND earlier.user_id = membership.user_id AND earlier.role = membership.role "
        "AND coalesce(earlier.group_id, 0) = coalesce(membership.group_id, 0))"
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_unique_constraint(
            batch_op.f("uq_membership_user_id_group_id_role"), ["user_id", "group_id", "role"]
        )
        batch_op.drop_constraint("fk_membership_by_user", type_="foreignkey")
        for column in ("reason", "by", "until_on", "from_on", "kind"):
            batch_op.drop_column(column)
    with op.batch_alter_table("group", schema=None) as batch_op:
        batch_op.drop_constraint("fk_group_parent_id_group", type_="foreignkey")
        batch_op.drop_column("ended_on")
        batch_op.drop_column("parent_id")
