"""What people call a job: `W-261122-07`, the seventh that was taken in on 22 November 2026."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fieldapp.field.jobs.models import Job


def number_of(day: date, nth: int) -> str:
    """The number of the nth job of a day: two digits at least, more where a day brings more."""
    return f"W-{day:%y%m%d}-{nth:02d}"


def next_number(session: Session, day: date) -> str:
    """The number after the last one of `day`. Two at once: the unique index refuses the second, who asks again."""
    prefix = f"W-{day:%y%m%d}-"
    last = session.scalar(
        select(Job.number)
        .where(Job.number.startswith(prefix))
        .order_by(func.length(Job.number).desc(), Job.number.desc())
        .limit(1)
    )
    return number_of(day, int(last.removeprefix(prefix)) + 1 if last else 1)
