"""Due work: rows written in the transaction of their cause, done by the system when they are due (ADR 39)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any, Literal

from marshmallow import Schema, fields
from sqlalchemy import Connection, Index, Integer, String, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.errors import Conflict
from fieldapp.kernel import ids
from fieldapp.platform.database import Moment, insert_ignoring
from fieldapp.platform.extensions import ExtensionPoint, KeyedPoint, Model

log = logging.getLogger(__name__)

#: What is done about occurrences that were missed: each of them, only the newest, or none that is late.
CatchUp = Literal["each", "last", "drop"]
WAITING = text("state = 'waiting'")
PARKED = text("state = 'parked'")
#: When work counts as late if its cause does not say so.
LATE = timedelta(minutes=5)
#: Set after a commit that wrote work which is due already. However often it is set, one drain follows.
WAKE = Event()


class DueWork(Model):
    """A command that the system executes at `due_at`; `op` is derived from what it is for and when.

    `state`: `waiting`; `done`; `overtaken` (newer work took its place, or there was nothing left to do); `cancelled`
    (an administrator gave it up); `parked` (tried too often). `attempts` is counted in a commit before each try.
    """

    __tablename__ = "due_work"

    op: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(80))
    agg_type: Mapped[str] = mapped_column(String(40))
    agg_id: Mapped[str] = mapped_column(String(36))
    occurrence: Mapped[str] = mapped_column(String(40))
    due_at: Mapped[datetime] = mapped_column(Moment)
    late_after: Mapped[datetime] = mapped_column(Moment)
    catch_up: Mapped[str] = mapped_column(String(4))
    generation: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_try_at: Mapped[datetime] = mapped_column(Moment)
    #: Number of the log line of the last failure.
    error_no: Mapped[str | None] = mapped_column(String(12))
    made_by_op: Mapped[str | None] = mapped_column(String(36))
    done_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_due_work_next", "next_try_at", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_due_work_key", "kind", "key", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_due_work_parked", "kind", "due_at", sqlite_where=PARKED, postgresql_where=PARKED),
    )


@dataclass(frozen=True)
class DueKind:
    """How work of one kind is caught up after a downtime, and when it is due again.

    `following(key, moment)` returns the first occurrence after `moment`, or None. Work with `catch_up="drop"` is not
    done from its `late_after` on.
    """

    catch_up: CatchUp = "each"
    following: Callable[[str, datetime], datetime | None] | None = None
    late: timedelta = LATE


#: By the kind of the command. A kind that nobody provides occurs once and is always done.
DUE_KINDS: KeyedPoint[DueKind] = KeyedPoint("due kind of")


@dataclass(frozen=True)
class Due:
    """Work to be written. `occurrence` tells apart several times of one `key`.

    `generation`: waiting work of the same kind and key with a lower one is overtaken.
    """

    kind: str
    key: str
    agg: tuple[str, str]
    due_at: datetime
    occurrence: str = "1"
    generation: int = 0
    late_after: datetime | None = None


#: Asked for each record that becomes held: what is due if it still waits by then. Given op and time of arrival.
WHEN_HELD: ExtensionPoint[Callable[[str, datetime], Due]] = ExtensionPoint("work due for held records")


class DueData(Schema):
    """Data of commands that only the clock sends."""

    key = fields.String(required=True, metadata={"personal": False})
    occurrence = fields.String(required=True, metadata={"personal": False})


class Overtaken(Conflict):
    """Raised by a due command: there is nothing left to do. The work ends without a word."""

    def __init__(self) -> None:
        super().__init__("due_work.overtaken")


_table: Any = DueWork.__table__


def write(connection: Connection, works: Iterable[Due], made_by: str | None) -> None:
    """Insert due work that is not there yet; overtake older generations of the same kind and key."""
    rows = []
    for work in works:
        if work.generation:
            overtake(connection, work.kind, work.key, work.generation)
        rows.append(_row(work, made_by))
    if rows:
        connection.execute(insert_ignoring(connection, _table), rows)


def write_for_held(connection: Connection, ops: Iterable[str], now: datetime) -> None:
    """Write what is due if these records, which became held now, wait too long."""
    for op in sorted(ops):
        write(connection, [when_held(op, now) for when_held in WHEN_HELD.all()], op)


def overtake(connection: Connection, kind: str, key: str, generation: int) -> None:
    """End waiting work of this kind and key that belongs to an earlier generation."""
    older = (_table.c.kind == kind, _table.c.key == key, WAITING, _table.c.generation < generation)
    connection.execute(update(_table).where(*older).values(state="overtaken"))


def _row(work: Due, made_by: str | None) -> dict[str, Any]:
    how = DUE_KINDS.get(work.kind) or DueKind()
    return {
        "op": str(ids.derived_id(work.due_at, work.kind, work.key, work.occurrence)),
        "kind": work.kind,
        "key": work.key,
        "agg_type": work.agg[0],
        "agg_id": work.agg[1],
        "occurrence": work.occurrence,
        "due_at": work.due_at,
        "late_after": work.late_after or work.due_at + how.late,
        "catch_up": how.catch_up,
        "generation": work.generation,
        "state": "waiting",
        "attempts": 0,
        "next_try_at": work.due_at,
        "made_by_op": made_by,
    }


# -- catching up -------------------------------------------------------------------------------------------------


def settle_missed(connection: Connection, row: Any, now: datetime) -> bool:
    """Return whether `row` is to be left out because of what was missed; write what is due in its place."""
    how = DUE_KINDS.get(row.kind) or DueKind()
    if row.catch_up == "drop" and now >= row.late_after:
        write_following(connection, row, now)
        return True
    if row.catch_up != "last":
        return False
    newest = _newest_due(how, row, now)
    if newest is not None:
        write(connection, [_again(row, newest)], row.op)
        return True
    later = select(_table.c.op).where(_table.c.kind == row.kind, _table.c.key == row.key, WAITING)
    return connection.scalar(later.where(_table.c.due_at > row.due_at, _table.c.due_at <= now).limit(1)) is not None


def _newest_due(how: DueKind, row: Any, now: datetime) -> datetime | None:
    """Return the last occurrence after `row` that is due, or None."""
    newest, due = None, row.due_at
    while how.following is not None:
        due = how.following(row.key, due)
        if due is None or due > now:
            break
        newest = due
    return newest


def write_following(connection: Connection, row: Any, now: datetime) -> None:
    """Insert the next occurrence: after the due time for `each`, so that none is left out; else after now."""
    how = DUE_KINDS.get(row.kind) or DueKind()
    if how.following is None:
        return
    due = how.following(row.key, row.due_at if row.catch_up == "each" else max(row.due_at, now))
    if due is not None:
        write(connection, [_again(row, due)], row.op)


def _again(row: Any, due_at: datetime) -> Due:
    return Due(row.kind, row.key, (row.agg_type, row.agg_id), due_at, row.occurrence, row.generation)


def wake_if_due(works: Iterable[Due], now: datetime) -> bool:
    """Wake the drain of this process if any of these is due already; called after the commit."""
    due = any(work.due_at <= now for work in works)
    if due:
        WAKE.set()
    return due
