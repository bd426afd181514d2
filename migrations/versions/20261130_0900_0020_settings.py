"""Versions of the working calendar; settings know from when they hold and since when they are known"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

LIMIT = "expenses.limit_"
SETTING = sa.table("setting", sa.column("key", sa.String), sa.column("scope", sa.String))


def upgrade():
    op.create_table(
        "calendar",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("week", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=False),
        sa.Column("recorded_at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["recorded_by"], ["user.id"], name=op.f("fk_calendar_recorded_by_user")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_calendar")),
        sa.UniqueConstraint("record_id", name=op.f("uq_calendar_record_id")),
    )
    op.create_table(
        "calendar_day",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("shifts", sa.String(length=100), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name=op.f("fk_calendar_day_group_id_group")),
        sa.ForeignKeyConstraint(["version"], ["calendar.version"], name=op.f("fk_calendar_day_version_calendar")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_day")),
    )
    op.create_index("ix_calendar_day_version", "calendar_day", ["version", "day"])

    with op.batch_alter_table("setting", schema=None) as batch_op:
        batch_op.drop_index("ix_setting_key")
        batch_op.add_column(sa.Column("scope", sa.String(length=200), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("act", sa.String(length=10), nullable=False, server_default="change"))
        batch_op.alter_column("effective_on", new_column_name="valid_from", existing_type=sa.Date())
        batch_op.alter_column("set_at", new_column_name="recorded_at")
        batch_op.alter_column("value", existing_type=sa.String(length=40), type_=sa.String(length=200))
        batch_op.drop_constraint("fk_setting_set_by_user", type_="foreignkey")
        batch_op.alter_column("set_by", new_column_name="recorded_by", existing_type=sa.Integer())
        batch_op.drop_column("number")
    with op.batch_alter_table("setting", schema=None) as batch_op:
        batch_op.alter_column("scope", existing_type=sa.String(length=200), server_default=None)
        batch_op.alter_column("act", existing_type=sa.String(length=10), server_default=None)
        batch_op.create_foreign_key(batch_op.f("fk_setting_recorded_by_user"), "user", ["recorded_by"], ["id"])
        batch_op.create_index("ix_setting_key", ["key", "valid_from"])
    # The limit of each kind was a setting of its own; it is a row of one table now.
    renamed = SETTING.update().where(SETTING.c.key.like("expenses.limit\\_%", escape="\\"))
    op.execute(renamed.values(scope=sa.func.substr(SETTING.c.key, len(LIMIT) + 1), key="expenses.limits"))


def downgrade():
    # Rows of an older build have no act: what was withdrawn goes, with the withdrawals.
    op.execute(
        "DELETE FROM setting WHERE act = 'withdraw' OR EXISTS (SELECT 1 FROM setting AS w WHERE w.act = 'withdraw'"
        " AND w.key = setting.key AND w.scope = setting.scope AND w.valid_from = setting.valid_from"
        " AND w.recorded_at >= setting.recorded_at)"
    )
    old = SETTING.update().where(SETTING.c.key == "expenses.limits")
    op.execute(old.values(key=sa.literal(LIMIT) + SETTING.c.scope, scope=""))
    with op.batch_alter_table("setting", schema=None) as batch_op:
        batch_op.drop_index("ix_setting_key")
        batch_op.drop_constraint("fk_setting_recorded_by_user", type_="foreignkey")
        batch_op.alter_column("valid_from", new_column_name="effective_on", existing_type=sa.Date())
        batch_op.alter_column("recorded_at", new_column_name="set_at")
        batch_op.alter_column("recorded_by", new_column_name="set_by", existing_type=sa.Integer())
        batch_op.alter_column("value", existing_type=sa.String(length=200), type_=sa.String(length=40))
        batch_op.add_column(sa.Column("number", sa.Integer(), nullable=False, server_default="0"))
        batch_op.drop_column("act")
        batch_op.drop_column("scope")
    with op.batch_alter_table("setting", schema=None) as batch_op:
        batch_op.alter_column("number", existing_type=sa.Integer(), server_default=None)
        batch_op.create_foreign_key(batch_op.f("fk_setting_set_by_user"), "user", ["set_by"], ["id"])
        batch_op.create_index("ix_setting_key", ["key", "effective_on"])
    op.drop_index("ix_calendar_day_version", table_name="calendar_day")
    op.drop_table("calendar_day")
    op.drop_table("calendar")
