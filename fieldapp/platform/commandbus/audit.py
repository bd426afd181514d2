"""The append-only trail: each entry is hashed over itself and the one before (D-AUD-1)."""

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
    """The hash an entry must carry."""
    plain = [clock.iso(entry[k]) if k in {"device_at", "at"} and entry[k] else entry[k] for k in HASHED]
    return hashlib.sha256(msgspec.json.encode([previous, *plain], order="deterministic")).hexdigest()


def append(connection: Connection, entries: Sequence[dict[str, Any]]) -> None:
    """Writes entries at the end of the trail."""
    _, last = appending(connection, entries)
    together(connection, *last)


def appending(
    connection: Connection, entries: Sequence[dict[str, Any]], before: Sequence[Asking[int]] = ()
) -> tuple[list[int], list[Asking[int]]]:
    """What writes entries at the end of the trail, whose lock is taken now, as late as possible.

    `before` is written first, on the same journey as that; its answers come back.
    """
    if not entries:
        return together(connection, *before), []
    *answers, heads = together(connection, *before, _head_for_update.asking())
    number, previous = heads[0] if heads else _first_head(connection)
    rows = []
    for entry in entries:
        number += 1
        # A round through JSON first: what is hashed must be what any database gives back.
        row = {**entry, "id": number, "before": _plain(entry["before"]), "after": _plain(entry["after"])}
        row["previous"] = previous
        row["hash"] = previous = digest(previous, row)
        rows.append(row)
    return answers, [inserting(_entries).writing(*rows), _move_head.writing({"b_last": number, "b_hash": previous})]


def _first_head(connection: Connection) -> tuple[int, str]:
    """The end of a trail without entries. Two first writers at once: one makes the row, the other waits for it."""
    inserting_new(connection, _heads).write(connection, {"id": 1, "last": 0, "hash": START})
    ((last, previous),) = _head_for_update.rows(connection)
    return last, previous


def _plain(value: dict[str, Any] | None) -> Any:
    return None if value is None else msgspec.json.decode(msgspec.json.encode(value))


def broken(session: Session) -> Iterator[int]:
    """Numbers of entries that do not follow from the one before; empty when the trail is whole."""
    previous, expected = START, 1
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id).execution_options(yield_per=1000)):
        row = {key: getattr(entry, key) for key in HASHED}
        if entry.id != expected or entry.previous != previous or entry.hash != digest(previous, row):
            yield entry.id
        previous, expected = entry.hash, entry.id + 1
    head = session.get(AuditHead, 1)
    if head is not None and (head.hash != previous or head.last != expected - 1):
        yield head.last
