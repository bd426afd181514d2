"""Who changed a compared field last has a table of its own, filled from the audit log"""

import json

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

#: The fields that were compared when this was written, by record type.
COMPARED = {
    "asset": {"model", "serial_no", "plate", "sim_no", "warranty_until", "mounted_at", "note"},
    "job": {"title", "said", "urgency", "planned_start", "planned_minutes"},
}
#: Audit entries read at once.
PIECE = 1000


def upgrade():
    op.create_table(
        "field_change",
        sa.Column("agg_type", sa.String(length=40), nullable=False),
        sa.Column("agg_id", sa.String(length=36), nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("ver", sa.Integer(), nullable=True),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("at", fieldapp.platform.database.Moment(timezone=True), nullable=False),
        sa.Column("op", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_field_change_actor_id_user")),
        sa.PrimaryKeyConstraint("agg_type", "agg_id", "field", name=op.f("pk_field_change")),
    )
    connection = op.get_bind()
    last = 0
    while rows := _piece(connection, last):
        last = rows[-1].id
        changes = {}
        for row in rows:
            for field in _changed(row):
                changes[row.agg_type, row.agg_id, field] = row
        _store(connection, changes)


def _piece(connection, last):
    """Return the next entries of compared records, with the version that the receipt names."""
    return connection.execute(
        sa.text(
            "SELECT a.id, a.agg_type, a.agg_id, a.user_id, a.at, a.op, a.before, a.after, r.ver "
            "FROM audit_entry a LEFT JOIN receipt r ON r.op = a.op "
            "WHERE a.id > :last AND a.agg_type IN ('asset', 'job') ORDER BY a.id LIMIT :piece"
        ),
        {"last": last, "piece": PIECE},
    ).all()


def _changed(row):
    before, after = (json.loads(one) if isinstance(one, str) else one for one in (row.before, row.after))
    if not before or not after:
        return []
    names = COMPARED[row.agg_type] & before.keys() & after.keys()
    return [name for name in names if before[name] != after[name]]


def _store(connection, changes):
    if not changes:
        return
    connection.execute(
        sa.text(
            "INSERT INTO field_change (agg_type, agg_id, field, ver, actor_id, at, op) "
            "VALUES (:agg_type, :agg_id, :field, :ver, :by, :at, :op) "
            "ON CONFLICT (agg_type, agg_id, field) DO UPDATE SET "
            "ver = excluded.ver, actor_id = excluded.actor_id, at = excluded.at, op = excluded.op"
        ),
        [
            {
                "agg_type": agg_type,
                "agg_id": agg_id,
                "field": field,
                "ver": row.ver,
                "by": row.user_id,
                "at": row.at,
                "op": row.op,
            }
            for (agg_type, agg_id, field), row in changes.items()
        ],
    )


def downgrade():
    op.drop_table("field_change")
