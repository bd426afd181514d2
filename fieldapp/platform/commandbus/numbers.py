"""Numbers that people use for records: `W-261122-07` is the seventh of 22 November 2026 (ADR 41)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fieldapp.platform.commandbus.ledger import lock_key

#: More records than a period ever has, in the same digits.
_MOST = "9" * 8


@dataclass(frozen=True)
class Numbers:
    """The numbers of a record type: `prefix`, the period in which they count from 1, and the place in it.

    `period` is the form of the day in the number: `%y%m%d` counts by day, `%Y` by year, empty for ever. The place has
    at least `digits` digits. No gaps are left by records that were refused, as the number is taken in the transaction
    of its record. Two that come at once wait for one another.
    """

    prefix: str
    column: Callable[[], Any]
    period: str = "%y%m%d"
    digits: int = 2

    def of(self, day: date, place: int) -> str:
        """Return the number of the record in this place of the day's period."""
        return f"{self._start(day)}{place:0{self.digits}d}"

    def next(self, session: Session, day: date) -> str:
        """Return the number after the last one of the day's period. Call it in the transaction that stores it."""
        start, column = self._start(day), self.column()
        if session.connection().dialect.name == "postgresql":
            # SQLite has one writer. Without the lock both would get the same number, and the second an error.
            session.execute(select(func.pg_advisory_xact_lock(lock_key(f"number:{start}"))))
        # The bounds let an index find them; both end in digits, which every collation orders alike.
        query = select(column).where(column >= f"{start}0", column <= f"{start}{_MOST}", column.startswith(start))
        last = session.scalar(query.order_by(func.length(column).desc(), column.desc()).limit(1))
        return self.of(day, int(last.removeprefix(start)) + 1 if last else 1)

    def _start(self, day: date) -> str:
        return f"{self.prefix}-{day.strftime(self.period)}-" if self.period else f"{self.prefix}-"
