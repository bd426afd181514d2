"""Actors: people keep their numbers, the system is number 0; receipts and audit entries name the channel"""

import sqlalchemy as sa
from alembic import op

import fieldapp.platform.database

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

#: Columns in which an actor other than a person may stand.
ACTORS = (
    ("receipt", "user_id"),
    ("audit_entry", "user_id"),
    ("quarantine", "sender_id"),
    ("field_change", "actor_id"),
)
RENAMED = (("phone", "sync"), ("desk", "web"))


def upgrade():
    op.create_table(
        "actor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("label", sa.String(length=60), server_default="", nullable=False),
        sa.Column("ends_at", fieldapp.platform.database.Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actor")),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO actor (id, kind, label) VALUES (0, 'system', 'system')")
    op.execute("INSERT INTO actor (id, kind) SELECT id, 'person' FROM \"user\" ORDER BY id")
    _number_from("actor", "user")
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.create_foreign_key(batch_op.f("fk_user_id_actor"), "actor", ["id"], ["id"])

    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.alter_column("mouth", new_column_name="channel", existing_type=sa.String(length=10))
    for table, column in ACTORS:
        with op.batch_alter_table(table, schema=None) as batch_op:
            _point(batch_op, table, column, "user", "actor")
            if table in ("receipt", "audit_entry"):
                batch_op.add_column(sa.Column("on_behalf_of", sa.Integer(), nullable=True))
                batch_op.create_foreign_key(
                    batch_op.f(f"fk_{table}_on_behalf_of_actor"), "actor", ["on_behalf_of"], ["id"]
                )
            if table == "audit_entry":
                batch_op.add_column(sa.Column("channel", sa.String(length=10), nullable=True))
    _rename(RENAMED)
    # Neither column is part of an entry's hash.
    op.execute(
        "UPDATE audit_entry SET channel = (SELECT receipt.channel FROM receipt WHERE receipt.op = audit_entry.op) "
        "WHERE op IS NOT NULL"
    )


def _point(batch_op, table, column, old, new):
    batch_op.drop_constraint(f"fk_{table}_{column}_{old}", type_="foreignkey")
    batch_op.create_foreign_key(batch_op.f(f"fk_{table}_{column}_{new}"), new, [column], ["id"])


def _rename(pairs):
    cases = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in pairs)
    olds = ", ".join(f"'{old}'" for old, _ in pairs)
    op.execute(f"UPDATE receipt SET channel = CASE channel {cases} END WHERE channel IN ({olds})")


def _number_from(new, old):
    """Let `new` give out the numbers after every one that `old` ever gave out; `old` gives out none any more."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    used = connection.scalar(sa.text(f'SELECT coalesce(max(id), 0) FROM "{old}"'))
    sequence = connection.scalar(sa.text(f"SELECT pg_get_serial_sequence('\"{old}\"', 'id')"))
    given, called = connection.execute(sa.text(f"SELECT last_value, is_called FROM {sequence}")).one()
    following = max(used, given if called else 0) + 1
    op.execute(f'ALTER TABLE "{old}" ALTER COLUMN id DROP DEFAULT')
    op.execute(f"DROP SEQUENCE {sequence}")
    if connection.scalar(sa.text(f"SELECT pg_get_serial_sequence('\"{new}\"', 'id')")) is None:
        op.execute(f'CREATE SEQUENCE "{new}_id_seq" AS integer OWNED BY "{new}".id')
        op.execute(f'ALTER TABLE "{new}" ALTER COLUMN id SET DEFAULT nextval(\'"{new}_id_seq"\')')
    op.execute(f"SELECT setval(pg_get_serial_sequence('\"{new}\"', 'id'), {following}, false)")


def downgrade():
    others = "SELECT count(*) FROM receipt WHERE user_id NOT IN (SELECT id FROM \"user\")"
    if op.get_bind().scalar(sa.text(others)):
        raise RuntimeError("records of others than people cannot be kept by the version before")
    _rename([(new, old) for old, new in RENAMED])
    for table, column in reversed(ACTORS):
        with op.batch_alter_table(table, schema=None) as batch_op:
            if table == "audit_entry":
                batch_op.drop_column("channel")
            if table in ("receipt", "audit_entry"):
                batch_op.drop_constraint(f"fk_{table}_on_behalf_of_actor", type_="foreignkey")
                batch_op.drop_column("on_behalf_of")
            _point(batch_op, table, column, "actor", "user")
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.alter_column("channel", new_column_name="mouth", existing_type=sa.String(length=10))
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_constraint("fk_user_id_actor", type_="foreignkey")
    _number_from("user", "actor")
    op.drop_table("actor")
