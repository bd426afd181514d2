"""Reading deadlines and what they are derived from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.kernel.calendar import WorkingCalendar
from fieldapp.kernel.deadline import Derived, Event, Limit, derive
from fieldapp.platform.extensions import db
from fieldapp.services.deadlines.calendars import calendar_of
from fieldapp.services.deadlines.models import Deadline, DeadlineEvent


def deadlines_of(subject_type: str, subjects: Sequence[str]) -> dict[str, list[Deadline]]:
    """Return the deadlines of these records by record, each in the order of kind and round. One query."""
    query = select(Deadline).where(Deadline.subject_type == subject_type, Deadline.subject_id.in_(list(subjects)))
    found: dict[str, list[Deadline]] = {}
    for deadline in db.session.scalars(query.order_by(Deadline.kind, Deadline.round)):
        found.setdefault(deadline.subject_id, []).append(deadline)
    return found


def derived(session: Session, deadline_id: str, now: datetime) -> Derived:
    """Return what the stored events make of a deadline."""
    query = select(DeadlineEvent).where(DeadlineEvent.deadline_id == deadline_id).order_by(DeadlineEvent.id)
    calendars = cache(calendar_of)
    return derive([_event(row, calendars) for row in session.scalars(query)], now)


def _event(row: DeadlineEvent, calendars: Callable[[str], WorkingCalendar]) -> Event:
    value = row.value or {}
    limit = Limit(value["limit_s"], calendars(value["calendar"])) if "limit_s" in value else None
    due_at = clock.parse_iso(value["due_at"]) if "due_at" in value else None
    return Event(row.at, row.kind, row.reason, limit, due_at)  # type: ignore[arg-type]
