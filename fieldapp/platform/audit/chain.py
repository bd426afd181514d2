"""Append to the audit log: each entry is hashed over itself and the entry before (D-AUD-1, ADR 38).

The chain runs over salted commitments to the contents, so it stays valid when a personal part is erased, and nothing
that stays can be used to try out what was erased.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from os import urandom
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from fieldapp.kernel import clock
from fieldapp.platform.audit.models import AuditContent, AuditEntry, AuditHead
from fieldapp.platform.audit.personal import NOTHING, decisions_for, split
from fieldapp.platform.database.statements import Asking, Prepared, inserting, inserting_new, together

_heads: Any = AuditHead.__table__
_head_for_update = Prepared(select(_heads.c.last, _heads.c.hash).where(_heads.c.id == 1).with_for_update())
_move_head = Prepared(update(_heads).where(_heads.c.id == 1).values(last=bindparam("b_last"), hash=bindparam("b_hash")))
_entries: Any = AuditEntry.__table__
_contents: Any = AuditContent.__table__

START = "0" * 64
FACTS, PERSONAL = "facts", "personal"
SALT_BYTES = 32
#: The columns that an entry's hash covers, in their order; `previous` stands before them.
HASHED = tuple(column.name for column in _entries.columns if column.name not in {"previous", "hash"})
_MOMENTS = frozenset({"device_at", "at"})

_canonical = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is to be appended: who did what to which record, and its values before and after."""

    action: str
    agg: tuple[str, str]
    actor_id: int | None
    at: datetime
    op: str | None = None
    on_behalf_of: int | None = None
    channel: str | None = None
    dev: str | None = None
    device_at: datetime | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


_COPIED = tuple(field.name for field in fields(Entry) if field.name not in {"agg", "before", "after"})


class Head(NamedTuple):
    """The last entry of the log: what must be kept outside to see later that nothing was cut off or rewritten."""

    number: int
    hash: str
    at: datetime | None

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


def canonical(value: Any) -> str:
    """Return JSON data as the one text that is hashed and stored."""
    return _canonical(value).decode()


def commitment(salt: bytes, body: str) -> str:
    """Return the commitment to one part of an entry's contents."""
    return hashlib.sha256(salt + body.encode()).hexdigest()


def digest(previous: str, row: Mapping[str, Any]) -> str:
    """Return the hash of an entry that follows one with the hash `previous`."""
    plain = [clock.iso(row[name]) if name in _MOMENTS and row[name] else row[name] for name in HASHED]
    return hashlib.sha256(previous.encode() + _canonical(plain)).hexdigest()


def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append entries to the audit log."""
    _, last = prepare_entries(connection, entries)
    together(connection, *last)


def prepare_entries(
    connection: Connection, entries: Sequence[Entry], before: Sequence[Asking[int]] = ()
) -> tuple[list[int], list[Asking[int]]]:
    """Lock the head of the audit log, as late as possible; return the statements that append the entries.

    `before` are executed in the same round trip, before the lock; their results are returned first.
    """
    if not entries:
        return together(connection, *before), []
    # All that needs no number is done before the lock.
    prepared = [_prepare(entry) for entry in entries]
    *answers, heads = together(connection, *before, _head_for_update.asking())
    number, previous = heads[0] if heads else _first_head(connection)
    contents: list[dict[str, Any]] = []
    for row, parts in prepared:
        number += 1
        row["id"], row["previous"] = number, previous
        row["hash"] = previous = digest(previous, row)
        contents += ({"entry_id": number, **part} for part in parts)
    statements = [
        inserting(_entries).writing(*(row for row, _ in prepared)),
        inserting(_contents).writing(*contents),
        _move_head.writing({"b_last": number, "b_hash": previous}),
    ]
    return answers, statements


def _prepare(entry: Entry) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the row of an entry without number, and the rows of its contents without the entry's number."""
    row: dict[str, Any] = {name: getattr(entry, name) for name in _COPIED}
    row["agg_type"], row["agg_id"] = entry.agg
    # Through JSON first: what is split must be what a reader gets back.
    plain = msgspec.json.decode(_canonical({"before": entry.before, "after": entry.after}))
    facts, personal = split(plain, decisions_for(entry.action, row["agg_type"]))
    salts = urandom(2 * SALT_BYTES)
    parts = [_part(FACTS, salts[:SALT_BYTES], {} if facts is NOTHING else facts)]
    if personal is not NOTHING:
        parts.append(_part(PERSONAL, salts[SALT_BYTES:], personal))
    row["facts_c"] = commitment(parts[0]["salt"], parts[0]["body"])
    row["personal_c"] = commitment(parts[1]["salt"], parts[1]["body"]) if len(parts) > 1 else None
    return row, parts


def _part(name: str, salt: bytes, data: Any) -> dict[str, Any]:
    return {"part": name, "salt": salt, "body": canonical(data)}


def _first_head(connection: Connection) -> tuple[int, str]:
    """Insert the head of an empty audit log, or wait for another writer who does; return number and hash."""
    inserting_new(connection, _heads).write(connection, {"id": 1, "last": 0, "hash": START})
    ((last, previous),) = _head_for_update.rows(connection)
    return last, previous


def head(connection: Connection) -> Head:
    """Return the head of the log, with the time of its last entry."""
    query = select(_heads.c.last, _heads.c.hash, _entries.c.at).join_from(
        _heads, _entries, _entries.c.id == _heads.c.last, isouter=True
    )
    row = connection.execute(query.where(_heads.c.id == 1)).first()
    return Head(*row) if row else Head(0, START, None)
