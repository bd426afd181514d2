"""Due work, the clocks of sweeps, and expired held records; what is held already becomes due"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database
from fieldapp.kernel import ids

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

KIND = "waiting_record.expire"
WAITING = sa.text("state = 'waiting'")
PARKED = sa.text("state = 'parked'")


def upgrade():
    moment = fieldapp.platform.database.Moment(timezone=True)
    due_work = op.create_table(
        "due_work",
        sa.Column("op", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("agg_type", sa.String(length=40), nullable=False),
        sa.Column("agg_id", sa.String(length=36), nullable=False),
        sa.Column("occurrence", sa.String(length=40), nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("late_after", moment, nullable=False),
        sa.Column("catch_up", sa.String(length=4), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", moment, nullable=False),
        sa.Column("error_no", sa.String(length=12), nullable=True),
        sa.Column("made_by_op", sa.String(length=36), nullable=True),
        sa.Column("done_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("op", name=op.f("pk_due_work")),
    )
    partial = (
        ("ix_due_work_next", ["next_try_at"], WAITING),
        ("ix_due_work_key", ["kind", "key"], WAITING),
        ("ix_due_work_parked", ["kind", "due_at"], PARKED),
    )
    for name, columns, where in partial:
        op.create_index(name, "due_work", columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "schedule_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("high_water", moment, nullable=False),
        sa.Column("paused_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_clock")),
    )
    op.create_table(
        "schedule_server",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("swept_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedule_server")),
    )
    op.create_table(
        "expired_record",
        sa.Column("op", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expired_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["op"], ["receipt.op"], name=op.f("fk_expired_record_op_receipt")),
        sa.ForeignKeyConstraint(["user_id"], ["actor.id"], name=op.f("fk_expired_record_user_id_actor")),
        sa.PrimaryKeyConstraint("op", name=op.f("pk_expired_record")),
    )
    with op.batch_alter_table("expired_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_expired_record_user_id"), ["user_id"], unique=False)
    _schedule_held(due_work, moment)


def _schedule_held(due_work, moment):
    """Let each held record expire by the days that hold today."""
    connection = op.get_bind()
    setting = sa.text(
        "SELECT value FROM setting WHERE key = 'waiting.days' AND act <> 'withdraw' AND valid_from <= CURRENT_DATE "
        "ORDER BY valid_from DESC, recorded_at DESC LIMIT 1"
    )
    days = int(connection.scalar(setting) or 5)
    receipt = sa.table("receipt", sa.column("op"), sa.column("outcome"), sa.column("received_at", moment))
    held = sa.select(receipt.c.op, receipt.c.received_at).where(receipt.c.outcome == "held")
    rows = []
    for record, received_at in connection.execute(held):
        due_at = received_at + timedelta(days=days)
        rows.append(
            {
                "op": str(ids.derived_id(due_at, KIND, record, "1")),
                "kind": KIND,
                "key": record,
                "agg_type": "waiting_record",
                "agg_id": record,
                "occurrence": "1",
                "due_at": due_at,
                "late_after": due_at + timedelta(minutes=5),
                "catch_up": "each",
                "generation": 0,
                "state": "waiting",
                "attempts": 0,
                "next_try_at": due_at,
                "made_by_op": record,
            }
        )
    if rows:
        op.bulk_insert(due_work, rows)


def downgrade():
    op.drop_table("expired_record")
    op.drop_table("schedule_server")
    op.drop_table("schedule_clock")
    op.drop_table("due_work")
