"""Queries for the page of due work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, select

from fieldapp.kernel import clock
from fieldapp.platform.commandbus.due_work import PARKED, WAITING
from fieldapp.platform.extensions import db
from fieldapp.services.schedule.models import DueWork, ScheduleClock, ScheduleServer
from fieldapp.services.schedule.parking import label_of_kind

#: Most parked pieces on the page.
MAX_PARKED = 50
#: Servers that have not swept for so long are not listed.
LISTED = timedelta(days=7)


@dataclass(frozen=True)
class KindSummary:
    """Numbers of one kind of work."""

    label: Any
    next_hour: int
    late: int
    parked: int


def by_kind() -> list[KindSummary]:
    """Return the numbers of each kind that has anything due in an hour, late or parked. One query."""
    now = clock.now()
    soon = and_(DueWork.state == "waiting", DueWork.due_at.between(now, now + timedelta(hours=1)))
    late = and_(DueWork.state == "waiting", DueWork.late_after < now)
    numbers = [func.sum(case((one, 1), else_=0)) for one in (soon, late, DueWork.state == "parked")]
    waiting = select(DueWork.kind, *numbers).where(WAITING, DueWork.next_try_at <= now + timedelta(hours=6))
    parked = select(DueWork.kind, *numbers).where(PARKED)
    totals: dict[str, list[int]] = {}
    for query in (waiting, parked):
        for kind, *counted in db.session.execute(query.group_by(DueWork.kind)):
            known = totals.setdefault(kind, [0, 0, 0])
            totals[kind] = [one + int(more or 0) for one, more in zip(known, counted, strict=True)]
    return [KindSummary(label_of_kind(kind), *totals[kind]) for kind in sorted(totals) if any(totals[kind])]


def parked() -> Sequence[DueWork]:
    """Return the parked pieces, the oldest first."""
    return db.session.scalars(select(DueWork).where(PARKED).order_by(DueWork.due_at).limit(MAX_PARKED)).all()


def parked_one(op: str) -> DueWork | None:
    """Return a parked piece by its id, or None."""
    return db.session.scalar(select(DueWork).where(DueWork.op == op, PARKED))


def servers() -> Sequence[ScheduleServer]:
    """Return the servers that swept in the last days."""
    since = clock.now() - LISTED
    return db.session.scalars(
        select(ScheduleServer).where(ScheduleServer.swept_at > since).order_by(ScheduleServer.name)
    ).all()


def paused() -> tuple[datetime, datetime] | None:
    """Return the last time that was believed and the time in doubt while work waits for the clock, else None."""
    row = db.session.execute(select(ScheduleClock.high_water, ScheduleClock.paused_at)).first()
    return (row.high_water, row.paused_at) if row is not None and row.paused_at is not None else None
