"""Read and write receipts with prepared statements on tables (not entities): half the time of the ORM."""

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

#: An envelope, its frozen bytes, and its result.
Sent = tuple[Envelope, str, Result]
#: A held record: seq, frozen bytes, SHA-256, and the ids it waits for.
Held = tuple[int, str, str, list[str]]

_receipts: Any = Receipt.__table__

_lock = Prepared(
    text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key").bindparams(bindparam("keys"))
)

_remember = select(*(_receipts.c[name] for name in ("op", "sha256", "outcome", "ref", "ver", "detail", "erased_at")))
_asked = among(_receipts.c.op, "ops")
_authors = _receipts.c.user_id == bindparam("author")
# A phone does not ask for what it has a result for: an erased record is sent again, and gets its word then.
_own = Prepared(_remember.where(_asked, _authors, _receipts.c.erased_at.is_(None)))
# A literal, so that the planner uses the partial index.
_wait = and_(_authors, _receipts.c.outcome == literal_column("'held'"))
_load = Prepared(
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
    """Return the results stored for these ids, of the actor's own records only."""
    rows = _own.rows(session.connection(), ops=list(ops), author=actor.id)
    return [_remembered(*row) for row in rows]


def _acquire_locks(connection: Connection, author: int | None, sent: Iterable[Sent]) -> list[Asking[Any]]:
    """Return the statement that takes PostgreSQL's advisory locks per aggregate and author, in one order for all.

    `author` is None where only the aggregates are locked. Per author, because an accepted record releases records that
    wait for it under other aggregates, and one of those may be sent again at the same moment. SQLite has one write
    lock for all.
    """
    if connection.dialect.name != "postgresql":
        return []
    names = {envelope.aggregate_key for envelope, _, _ in sent}
    if author is not None:
        names.add(f"author:{author}")
    return [_lock.asking(keys=sorted(map(lock_key, names)))]


def lock(connection: Connection, author: int | None, sent: Iterable[Sent]) -> None:
    """Take the locks of these aggregates and of the author, if one is given."""
    together(connection, *_acquire_locks(connection, author, sent))


def lock_aggregate(connection: Connection, key: str) -> None:
    """Take the lock of one aggregate, by its key."""
    if connection.dialect.name == "postgresql":
        _lock.rows(connection, keys=[lock_key(key)])


def lock_key(name: str) -> int:
    """Return the key of PostgreSQL's advisory lock for an aggregate or author."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@cache
def _clocks() -> Prepared:
    """Return the statement that reads measured clocks; the table belongs to a feature of a higher layer."""
    device: Any = Receipt.metadata.tables["device"].c
    columns = (device.dev, device.clock_offset_ms, device.first_seen_at)
    measured = select(*columns).where(among(device.dev, "devs"), device.user_id == bindparam("author"))
    return Prepared(measured.order_by(device.last_seen_at, device.id))


def clocks_of(connection: Connection, devs: Set[str], author: int) -> dict[str, Measured]:
    """Return what the author's phones told of their clocks; what others say of a phone says nothing of its records."""
    return _measured(together(connection, _clocks().asking(devs=list(devs), author=author))[-1]) if devs else {}


def _measured(rows: Iterable[Any]) -> dict[str, Measured]:
    """Join the rows of each store, ordered by when it was last seen: the last known offset, the first sight."""
    clocks: dict[str, Measured] = {}
    for dev, offset, first_seen in rows:
        earlier = clocks.get(dev)
        seen = min(first_seen, earlier.first_seen) if earlier else first_seen
        clocks[dev] = Measured(offset if offset is not None or earlier is None else earlier.offset_ms, seen)
    return clocks


def load_receipts(
    connection: Connection,
    ops: Set[str],
    author: int,
    sent: Iterable[Sent] = (),
    devs: Set[str] = frozenset(),
    locks_author: bool = True,
) -> tuple[dict[str, Result], dict[str, Held], dict[str, Measured]]:
    """Lock the aggregates of `sent`; return results by id, held records of the author, clocks of the phones `devs`.

    All in one round trip on PostgreSQL, where the receipts stay locked: nobody else decides a held record meanwhile.
    """
    known: dict[str, Result] = {}
    held: dict[str, Held] = {}
    asking = [
        *(_acquire_locks(connection, author if locks_author else None, sent) if sent else ()),
        _load.asking(ops=list(ops), author=author),
    ]
    asking += [_clocks().asking(devs=list(devs), author=author)] if devs else []
    rows = together(connection, *asking)
    for row in rows[-2 if devs else -1]:
        op, sha256, outcome, _, _, detail, _, user, seq, body = row
        if op in ops:
            known[op] = _remembered(*row[:7])
        if outcome == "held" and user == author:
            held[op] = (seq, body, sha256, detail.get("needs", []))
    return known, held, _measured(rows[-1]) if devs else {}


def _remembered(
    op: str,
    sha256: str,
    outcome: str,
    ref: str | None,
    ver: int | None,
    detail: dict[str, Any],
    erased_at: datetime | None,
) -> Result:
    result = Result(op, sha256, outcome, replayed=True, ref=ref, ver=ver, **detail)
    if erased_at is not None:
        result.erased = True
    return result


def row(
    one: Sent,
    result: Result,
    now: datetime,
    defaults: dict[str, Any],
    written: WrittenTime,
    principal: int | None = None,
) -> dict[str, Any]:
    """Return the row of a receipt with its present outcome.

    `defaults` are the columns that the whole batch shares, `principal` is on whose behalf a deputy decided.
    """
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
        **defaults,
        "on_behalf_of": principal,
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
    """Insert receipts before anything else is done; return the ids that were free."""
    if not rows:
        return set()
    statement = insert_ignoring(connection, _receipts).returning(_receipts.c.op)
    return set(connection.scalars(statement, rows))


def complete(connection: Connection, rows: list[dict[str, Any]]) -> Asking[int]:
    """Return the insert of receipts with outcomes. If fewer rows are inserted, an id was taken: roll back."""
    return inserting_new(connection, _receipts).writing(*rows)


def store_principals(connection: Connection, principals: dict[str, int | None]) -> None:
    """Store on whose behalf the records of deputies were decided, by operation."""
    for op, principal in principals.items():
        if principal is None:
            continue
        connection.execute(update(Receipt).where(Receipt.op == op).values(on_behalf_of=principal))


def update_outcomes(connection: Connection, decided: dict[str, Result], now: datetime) -> None:
    """Store the outcomes of records whose receipts exist."""
    if decided:
        rows = [{"op": op, **_outcome(result, now)} for op, result in decided.items()]
        _update.write(connection, *({f"b_{name}": value for name, value in one.items()} for one in rows))
