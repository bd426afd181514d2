"""Job numbers: `W-261122-07` is the seventh job received on 22 November 2026."""

from __future__ import annotations

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fieldapp.field.jobs.models import Job


def number_of(day: date, nth: int) -> str:
    """Return the number of the nth job of a day, with at least two digits for n."""
    return f"W-{day:%y%m%d}-{nth:02d}"


def next_number(session: Session, day: date) -> str:
    """Return the number after the last one of `day`.

    Two concurrent callers get the same number; the unique index refuses the second, which has to ask again.
    """
    prefix = f"W-{day:%y%m%d}-"
    last = session.scalar(
        select(Job.number)
        .where(Job.number.startswith(prefix))
        .order_by(func.length(Job.number).desc(), Job.number.desc())
        .limit(1)
    )
    return number_of(day, int(last.removeprefix(prefix)) + 1 if last else 1)
