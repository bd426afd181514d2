"""The audit log: append-only, each entry hashed over itself and the entry before (D-AUD-1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.platform.commandbus.models import AuditEntry, AuditHead
from fieldapp.platform.database.statements import Asking, Prepared, inserting, inserting_new, together

_heads: Any = AuditHead.__table__
_head_for_update = Prepared(select(_heads.c.last, _heads.c.hash).where(_heads.c.id == 1).with_for_update())
_move_head = Prepared(update(_heads).where(_heads.c.id == 1).values(last=bindparam("b_last"), hash=bindparam("b_hash")))
_entries: Any = AuditEntry.__table__

START = "0" * 64
HASHED = ("id", "op", "action", "agg_type", "agg_id", "user_id", "dev", "device_at", "at", "before", "after")


def digest(previous: str, entry: dict[str, Any]) -> str:
    """Return the hash of an entry that follows one with the hash `previous`."""
    plain = [clock.iso(entry[k]) if k in {"device_at", "at"} and entry[k] else entry[k] for k in HASHED]
    return hashlib.sha256(msgspec.json.encode([previous, *plain], order="deterministic")).hexdigest()


def append(connection: Connection, entries: Sequence[dict[str, Any]]) -> None:
    """Append entries to the audit log."""
    _, last = prepare_entries(connection, entries)
    together(connection, *last)


def prepare_entries(
    connection: Connection, entries: Sequence[dict[str, Any]], before: Sequence[Asking[int]] = ()
) -> tuple[list[int], list[Asking[int]]]:
    """Lock the head of the audit log, as late as possible; return the statements that append the entries.

    `before` are executed in the same round trip, before the lock; their results are returned first.
    """
    if not entries:
        return together(connection, *before), []
    *answers, heads = together(connection, *before, _head_for_update.asking())
    number, previous = heads[0] if heads else _first_head(connection)
    rows = []
    for entry in entries:
        number += 1
        # Through JSON first: what is hashed must be what any database gives back.
        row = {**entry, "id": number, "before": _plain(entry["before"]), "after": _plain(entry["after"])}
        row["previous"] = previous
        row["hash"] = previous = digest(previous, row)
        rows.append(row)
    return answers, [inserting(_entries).writing(*rows), _move_head.writing({"b_last": number, "b_hash": previous})]


def _first_head(connection: Connection) -> tuple[int, str]:
    """Insert the head of an empty audit log, or wait for another writer who does; return number and hash."""
    inserting_new(connection, _heads).write(connection, {"id": 1, "last": 0, "hash": START})
    ((last, previous),) = _head_for_update.rows(connection)
    return last, previous


def _plain(value: dict[str, Any] | None) -> Any:
    return None if value is None else msgspec.json.decode(msgspec.json.encode(value))


def broken(session: Session) -> Iterator[int]:
    """Yield the numbers of entries whose hash does not follow from the entry before."""
    previous, expected = START, 1
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)):
        row = {key: getattr(entry, key) for key in HASHED}
        if entry.id != expected or entry.previous != previous or entry.hash != digest(previous, row):
            yield entry.id
        previous, expected = entry.hash, entry.id + 1
    head = session.get(AuditHead, 1)
    if head is not None and (head.hash != previous or head.last != expected - 1):
        yield head.last
