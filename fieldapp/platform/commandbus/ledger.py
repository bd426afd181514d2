"""The receipts: how they are asked for and written. Tables, not entities, and statements built once: half the time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, literal_column, or_, select, text, update
from sqlalchemy.orm import Session

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.envelope import Envelope
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.commandbus.written import Measured, WrittenTime
from fieldapp.platform.database import among, insert_ignoring
from fieldapp.platform.database.statements import Asking, Prepared, inserting_new, together

#: An envelope, its frozen bytes, and what is answered to it.
Sent = tuple[Envelope, str, Result]
#: A waiting record: seq, frozen bytes, hash, and the ops it waits for.
Held = tuple[int, str, str, list[str]]

_receipts: Any = Receipt.__table__

_lock = Prepared(
    text("SELECT pg_advisory_xact_lock(lane) FROM unnest(CAST(:lanes AS bigint[])) AS lane").bindparams(
        bindparam("lanes")
    )
)

_remember = select(*(_receipts.c[name] for name in ("op", "sha256", "outcome", "ref", "ver", "detail")))
_asked = among(_receipts.c.op, "ops")
_authors = _receipts.c.user_id == bindparam("author")
_own = Prepared(_remember.where(_asked, _authors))
# "held" stands in the text: only so is the index of the waiting ones used.
_wait = and_(_authors, _receipts.c.outcome == literal_column("'held'"))
_concerned = Prepared(
    _remember.add_columns(_receipts.c.user_id, _receipts.c.seq, _receipts.c.body)
    .where(or_(_asked, _wait))
    .order_by(_receipts.c.op)
    .with_for_update()
)

_update = Prepared(
    update(_receipts)
    .where(_receipts.c.op == bindparam("b_op"))
    .values({name: bindparam(f"b_{name}") for name in ("outcome", "ref", "ver", "detail", "applied_at")})
)


def known_receipts(ops: Sequence[str], actor: Actor, session: Session) -> list[Result]:
    """What the ledger holds of the given ids, as far as they are the actor's own."""
    rows = _own.rows(session.connection(), ops=list(ops), author=actor.id)
    return [_remembered(*row) for row in rows]


def _turn(connection: Connection, author: int, sent: Iterable[Sent]) -> list[Asking[Any]]:
    """PostgreSQL lets writers in side by side: they queue per aggregate and author, always in the same order.

    Per author, because a record releases what waits for it in other lanes, and that may be coming again just now.
    """
    if connection.dialect.name != "postgresql":
        return []
    names = {f"author:{author}", *(envelope.lane for envelope, _, _ in sent)}
    return [_lock.asking(lanes=sorted(map(lock_key, names)))]


def lock_lanes(connection: Connection, author: int, sent: Iterable[Sent]) -> None:
    """Waits for the author's turn at these records."""
    together(connection, *_turn(connection, author, sent))


def lock_key(name: str) -> int:
    """The number under which PostgreSQL lets one writer after another at a lane, or at a person's records."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@cache
def _clocks() -> Prepared:
    """The statement that finds what phones were measured; their table belongs to a feature above this one."""
    device: Any = Receipt.metadata.tables["device"].c
    columns = (device.dev, device.clock_offset_ms, device.first_seen_at)
    return Prepared(select(*columns).where(among(device.dev, "devs")).order_by(device.last_seen_at, device.id))


def clocks_of(connection: Connection, devs: Set[str]) -> dict[str, Measured]:
    """Return what is known of the clocks of these phones."""
    return _measured(together(connection, _clocks().asking(devs=list(devs)))[-1]) if devs else {}


def _measured(rows: Iterable[Any]) -> dict[str, Measured]:
    """The lives of one phone's store, the one seen last at the end: its offset holds, and the earliest sight."""
    clocks: dict[str, Measured] = {}
    for dev, offset, first_seen in rows:
        earlier = clocks.get(dev)
        seen = min(first_seen, earlier.first_seen) if earlier else first_seen
        clocks[dev] = Measured(offset if offset is not None or earlier is None else earlier.offset_ms, seen)
    return clocks


def concerned(
    connection: Connection, ops: Set[str], author: int, sent: Iterable[Sent] = (), devs: Set[str] = frozenset()
) -> tuple[dict[str, Result], dict[str, Held], dict[str, Measured]]:
    """What the ledger holds under these ids, and what of the author's is waiting, once it is their turn at `sent`.

    Last, what is known of the clocks of the phones `devs`.

    Both stay locked on PostgreSQL, so that nobody decides a waiting record a second time at the same moment.
    """
    known: dict[str, Result] = {}
    held: dict[str, Held] = {}
    asking = [*(_turn(connection, author, sent) if sent else ()), _concerned.asking(ops=list(ops), author=author)]
    asking += [_clocks().asking(devs=list(devs))] if devs else []
    rows = together(connection, *asking)
    for row in rows[-2 if devs else -1]:
        op, sha256, outcome, _, _, detail, user, seq, body = row
        if op in ops:
            known[op] = _remembered(*row[:6])
        if outcome == "held" and user == author:
            held[op] = (seq, body, sha256, detail.get("needs", []))
    return known, held, _measured(rows[-1]) if devs else {}


def _remembered(op: str, sha256: str, outcome: str, ref: str | None, ver: int | None, detail: dict[str, Any]) -> Result:
    return Result(op, sha256, outcome, replayed=True, ref=ref, ver=ver, **detail)


def row(one: Sent, result: Result, now: datetime, how: dict[str, Any], written: WrittenTime) -> dict[str, Any]:
    """A receipt with the outcome it has now; `how` says by which mouth it came, and for whom."""
    envelope, body, _ = one
    return {
        "op": envelope.op,
        "sha256": result.sha256,
        "user_id": envelope.user,
        "dev": envelope.dev,
        "ep": envelope.ep,
        "seq": envelope.seq,
        "kind": envelope.kind,
        "agg_type": envelope.agg[0],
        "agg_id": envelope.agg[1],
        "body": body,
        **how,
        "device_at": written.at,
        "clock_doubt": written.doubt,
        "received_at": now,
        "supersedes": envelope.supersedes,
        **_outcome(result, now),
    }


def _outcome(result: Result, now: datetime) -> dict[str, Any]:
    return {
        "outcome": result.outcome,
        "ref": result.ref,
        "ver": result.ver,
        "detail": result.kept(),
        "applied_at": now if result.outcome == "accepted" else None,
    }


def insert_first(connection: Connection, rows: list[dict[str, Any]]) -> set[str]:
    """Takes the ids before anything else is done; gives back which of them were free."""
    if not rows:
        return set()
    statement = insert_ignoring(connection, _receipts).returning(_receipts.c.op)
    return set(connection.scalars(statement, rows))


def complete(connection: Connection, rows: list[dict[str, Any]]) -> Asking[int]:
    """Writes receipts with their outcomes. Where an id was not free and fewer were written, everything must go back."""
    return inserting_new(connection, _receipts).writing(*rows)


def update_outcomes(connection: Connection, decided: dict[str, Result], now: datetime) -> None:
    """Outcomes of records whose receipts are there already."""
    if decided:
        rows = [{"op": op, **_outcome(result, now)} for op, result in decided.items()]
        _update.write(connection, *({f"b_{name}": value for name, value in one.items()} for one in rows))
