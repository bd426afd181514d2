"""The audit log becomes a chain over salted commitments; its contents stand beside it, personal parts apart (ADR 38)

The old chain is renewed in pieces with a commit each; after an interruption the next upgrade goes on with the next
piece. The old table stays untouched until the last piece, which drops it in one transaction.
"""

import hashlib
import json
import os
import uuid
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa
from alembic import op

from fieldapp.kernel.clock import iso
from fieldapp.platform.database import Moment

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

#: Audit entries between two commits.
PIECE = 1000
START = "0" * 64
#: Numbers of broken entries that the entry about the renewal names.
NAMED = 100

#: Names of values that were no personal data when this was written; all others are taken for personal.
FACTS = frozenset(
    """
    active again amount author by_owner closed_accounts count device drafts effective_on ended fapiao fapiao_amount
    fapiao_code fapiao_number fee_amount fee_method file format goes_up id items job_id key kind labour_minutes
    language late_why made merged_with missing month named_visit_id number oldest op outcome part_id photos
    photos_not_in_file plan_at planned_minutes planned_start qty receipts ref refused result revoked satisfaction
    second_id seen spent_on state technician_id technicians total unit_price unsent unsigned up_to urgency user user_id
    value ver verdict version visit_id visits waiting wanted_on warranty_until
    """.split()
)

_canonical = msgspec.json.Encoder(order="deterministic").encode
_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_shared = ("id", "op", "action", "agg_type", "agg_id")
_after_actor = ("dev", "device_at", "at")
_columns = [
    sa.column("id", sa.BigInteger),
    *(sa.column(name, sa.String) for name in ("op", "action", "agg_type", "agg_id", "dev", "channel")),
    sa.column("on_behalf_of", sa.Integer),
    sa.column("device_at", Moment),
    sa.column("at", Moment),
    sa.column("previous", sa.String),
    sa.column("hash", sa.String),
]
_plain_columns = [sa.column("user_id", sa.Integer), sa.column("before", sa.JSON), sa.column("after", sa.JSON)]
_new_columns = [
    sa.column("actor_id", sa.Integer),
    sa.column("facts_c", sa.String),
    sa.column("personal_c", sa.String),
]
_HASHED = (*_shared, "actor_id", "on_behalf_of", "channel", *_after_actor, "facts_c", "personal_c")


def _clone(columns):
    return [sa.column(one.name, one.type) for one in columns]


_plain = sa.table("audit_entry", *_clone(_columns), *_plain_columns)
_renewed = sa.table("audit_entry_renewed", *_clone(_columns), *_new_columns)
_current = sa.table("audit_entry", *_clone(_columns), *_clone(_new_columns))
_restored = sa.table("audit_entry_restored", *_clone(_columns), *_clone(_plain_columns))
_content = sa.table(
    "audit_content",
    sa.column("entry_id", sa.BigInteger),
    sa.column("part", sa.String),
    sa.column("salt", sa.LargeBinary),
    sa.column("body", sa.Text),
)
_progress = sa.table(
    "audit_renewal", sa.column("id", sa.Integer), sa.column("breaks", sa.BigInteger), sa.column("named", sa.Text)
)
_heads = sa.table("audit_head", sa.column("id"), sa.column("last", sa.BigInteger), sa.column("hash", sa.String))


def upgrade():
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("audit_renewal"):
        _create_tables()
        connection.execute(_progress.insert(), {"id": 1, "breaks": 0, "named": "[]"})
        _commit()
    while _renew_piece(op.get_bind()):
        _commit()
    _finish(op.get_bind())


def _create_tables():
    op.create_table(
        "audit_entry_renewed",
        *_entry_columns("actor_id"),
        sa.Column("facts_c", sa.String(length=64), nullable=False),
        sa.Column("personal_c", sa.String(length=64), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        *_constraints("actor_id"),
    )
    op.create_table(
        "audit_content",
        sa.Column("entry_id", _number, autoincrement=False, nullable=False),
        sa.Column("part", sa.String(length=8), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["audit_entry_renewed.id"], name=op.f("fk_audit_content_entry_id_audit_entry")
        ),
        sa.PrimaryKeyConstraint("entry_id", "part", name=op.f("pk_audit_content")),
        sqlite_with_rowid=False,
    )
    op.add_column("receipt", sa.Column("erased_at", Moment(timezone=True), nullable=True))
    op.create_table(
        "audit_renewal",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("breaks", sa.BigInteger(), nullable=False),
        sa.Column("named", sa.Text(), nullable=False),
    )


def _entry_columns(actor):
    return [
        sa.Column("id", _number, autoincrement=False, nullable=False),
        sa.Column("op", sa.String(length=36), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("agg_type", sa.String(length=40), nullable=False),
        sa.Column("agg_id", sa.String(length=36), nullable=False),
        sa.Column(actor, sa.Integer(), nullable=True),
        sa.Column("on_behalf_of", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=True),
        sa.Column("dev", sa.String(length=36), nullable=True),
        sa.Column("device_at", Moment(timezone=True), nullable=True),
        sa.Column("at", Moment(timezone=True), nullable=False),
    ]


def _constraints(actor):
    # On PostgreSQL the old table has the key's name until it is dropped.
    key = "pk_audit_entry" if op.get_bind().dialect.name == "sqlite" else "pk_audit_entry_next"
    return [
        sa.ForeignKeyConstraint([actor], ["actor.id"], name=op.f(f"fk_audit_entry_{actor}_actor")),
        sa.ForeignKeyConstraint(["on_behalf_of"], ["actor.id"], name=op.f("fk_audit_entry_on_behalf_of_actor")),
        sa.PrimaryKeyConstraint("id", name=op.f(key)),
    ]


def _commit():
    """Commit what was done; go on in a new transaction."""
    with op.get_context().autocommit_block():
        pass
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        # Setting the isolation level back lets the driver begin transactions by itself; the application does that.
        connection.connection.dbapi_connection.isolation_level = None


# -- one piece -------------------------------------------------------------------------------------------------------


def _renew_piece(connection):
    """Renew the next entries in the order of their numbers; return whether there were any."""
    last, previous = _last_of(connection, _renewed)
    query = sa.select(_plain).where(_plain.c.id > last).order_by(_plain.c.id).limit(PIECE)
    rows = connection.execute(query).mappings().all()
    if not rows:
        return False
    old_previous = connection.scalar(sa.select(_plain.c.hash).where(_plain.c.id == last)) or START
    broken, entries, contents = [], [], []
    for row in rows:
        if (row["id"], row["previous"], row["hash"]) != (last + 1, old_previous, _old_digest(old_previous, row)):
            broken.append(row["id"])
        last, old_previous = row["id"], row["hash"]
        entry, parts = _renew(row, previous)
        previous = entry["hash"]
        entries.append(entry)
        contents += parts
    connection.execute(_renewed.insert(), entries)
    connection.execute(_content.insert(), contents)
    if broken:
        _note(connection, broken)
    return True


def _renew(row, previous):
    plain = {"before": _data(row["before"]), "after": _data(row["after"])}
    entry = {name: row[name] for name in (*_shared, "on_behalf_of", "channel", *_after_actor)}
    entry |= {"actor_id": row["user_id"], "previous": previous}
    return _sealed(entry, *_split(plain))


def _sealed(entry, facts, personal):
    """Return the entry with commitments and hash, and the rows of its contents."""
    parts = [("facts", {} if facts is None else facts)] + ([] if personal is None else [("personal", personal)])
    contents = [
        {"entry_id": entry["id"], "part": name, "salt": os.urandom(32), "body": _canonical(data).decode()}
        for name, data in parts
    ]
    commitments = [hashlib.sha256(one["salt"] + one["body"].encode()).hexdigest() for one in contents]
    entry |= {"facts_c": commitments[0], "personal_c": commitments[1] if len(contents) > 1 else None}
    moments = {"device_at", "at"}
    plain = [iso(entry[name]) if name in moments and entry[name] else entry[name] for name in _HASHED]
    entry["hash"] = hashlib.sha256(entry["previous"].encode() + _canonical(plain)).hexdigest()
    return entry, contents


def _old_digest(previous, row):
    names = (*_shared, "user_id", *_after_actor)
    plain = [iso(row[name]) if name in {"device_at", "at"} and row[name] else row[name] for name in names]
    plain += [_data(row["before"]), _data(row["after"])]
    return hashlib.sha256(msgspec.json.encode([previous, *plain], order="deterministic")).hexdigest()


def _data(value):
    return json.loads(value) if isinstance(value, str) else value


def _split(value):
    """Return the facts and the personal part of JSON data; None for a part that holds nothing."""
    if isinstance(value, dict):
        pairs = {name: (one, None) if name in FACTS else _split(one) for name, one in value.items()}
        facts = {name: part for name, (part, other) in pairs.items() if part is not None or other is None}
        personal = {name: part for name, (_, part) in pairs.items() if part is not None}
        return (facts, personal or None) if facts or not personal else (None, personal)
    if value and isinstance(value, list) and all(isinstance(row, dict) for row in value):
        pairs = [_split(row) for row in value]
        facts, personal = ([part or {} for part in side] for side in zip(*pairs))
        if not any(personal):
            return value, None
        return (facts, personal) if any(facts) else (None, personal)
    return (value, None) if value is None or value == [] else (None, value)


def _last_of(connection, table):
    row = connection.execute(sa.select(table.c.id, table.c.hash).order_by(table.c.id.desc()).limit(1)).first()
    return tuple(row) if row else (0, START)


def _note(connection, broken):
    breaks, named = connection.execute(sa.select(_progress.c.breaks, _progress.c.named)).one()
    named = (json.loads(named) + broken)[:NAMED]
    values = {"breaks": breaks + len(broken), "named": json.dumps(named)}
    connection.execute(_progress.update().where(_progress.c.id == 1).values(values))


# -- the end ---------------------------------------------------------------------------------------------------------


def _finish(connection):
    """Append the entry about the renewal, and put the renewed table in the place of the old one."""
    number, last_hash = _last_of(connection, _renewed)
    if number:
        _append_renewal(connection, number + 1, last_hash)
    _replace(connection, _renewed.name)
    op.drop_table("audit_renewal")


def _append_renewal(connection, number, last_hash):
    count = connection.scalar(sa.select(sa.func.count()).select_from(_renewed))
    old_last = _last_of(connection, _plain)
    breaks, named = connection.execute(sa.select(_progress.c.breaks, _progress.c.named)).one()
    old_head = connection.execute(sa.select(_heads.c.last, _heads.c.hash)).first()
    if old_head is None or tuple(old_head) != old_last:
        breaks += 1
    facts = {"before": None, "after": {"count": count, "breaks": breaks, "broken": json.loads(named)}}
    # A digest of the old contents: it goes with the first erasure of an entry before this one.
    personal = {"after": {"old_head": f"{old_head.last}:{old_head.hash}" if old_head else ""}}
    entry = dict.fromkeys(("op", "actor_id", "on_behalf_of", "channel", "dev", "device_at"))
    entry |= {"id": number, "action": "audit.renew", "agg_type": "audit", "agg_id": str(uuid.UUID(int=0))}
    entry |= {"at": datetime.now(UTC), "previous": last_hash}
    entry, contents = _sealed(entry, facts, personal)
    connection.execute(_renewed.insert(), entry)
    connection.execute(_content.insert(), contents)
    connection.execute(_heads.delete())
    connection.execute(_heads.insert(), {"id": 1, "last": number, "hash": entry["hash"]})
    if breaks:
        print(f"The audit log had {breaks} entries that did not follow from the one before; entry {number} says so.")


def _replace(connection, name):
    """Drop the table `audit_entry` and give its name to the table `name`."""
    op.drop_table("audit_entry")
    op.rename_table(name, "audit_entry")
    if connection.dialect.name != "sqlite":
        op.execute("ALTER TABLE audit_entry RENAME CONSTRAINT pk_audit_entry_next TO pk_audit_entry")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entry_agg", ["agg_type", "agg_id"], unique=False)


def downgrade():
    """Join the contents again and compute the old chain anew; refuse where something was erased."""
    connection = op.get_bind()
    erased = "SELECT count(*) FROM audit_entry WHERE action = 'record.erase'"
    if connection.scalar(sa.text(erased)):
        raise RuntimeError(
            "personal data were erased from the audit log; the version before cannot keep a log with parts missing"
        )
    op.drop_column("receipt", "erased_at")
    op.create_table(
        "audit_entry_restored",
        *_entry_columns("user_id"),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        *_constraints("user_id"),
    )
    while _restore_piece(connection):
        pass
    number, last_hash = _last_of(connection, _restored)
    if number:
        connection.execute(_heads.update().values(last=number, hash=last_hash))
    op.drop_table("audit_content")
    _replace(connection, _restored.name)


def _restore_piece(connection):
    last, previous = _last_of(connection, _restored)
    query = sa.select(_current).where(_current.c.id > last).order_by(_current.c.id).limit(PIECE)
    rows = connection.execute(query).mappings().all()
    if not rows:
        return False
    contents = {}
    within = _content.c.entry_id.between(rows[0]["id"], rows[-1]["id"])
    for part in connection.execute(sa.select(_content).where(within)):
        contents.setdefault(part.entry_id, {})[part.part] = json.loads(part.body)
    restored = []
    for row in rows:
        whole = _join(contents[row["id"]].get("facts"), contents[row["id"]].get("personal"))
        entry = {name: row[name] for name in (*_shared, "on_behalf_of", "channel", *_after_actor)}
        entry |= {"user_id": row["actor_id"], "before": whole.get("before"), "after": whole.get("after")}
        entry["previous"] = previous
        entry["hash"] = previous = _old_digest(previous, entry)
        restored.append(entry)
    connection.execute(_restored.insert(), restored)
    return True


def _join(facts, personal):
    if facts is None or personal is None:
        return personal if facts is None else facts
    if isinstance(facts, dict):
        return {name: _join(facts.get(name), personal.get(name)) for name in [*facts, *personal]}
    return [_join(one, other) for one, other in zip(facts, personal)]
