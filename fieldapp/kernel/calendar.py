"""Working calendar: weekly shifts, holidays, make-up days, own days (D-SLA-5). Moments count by whole seconds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from fieldapp.kernel.clock import BUSINESS_ZONE

#: Days without any shift after which a search ends.
MOST_DAYS = 3660
DAY_MINUTES = 24 * 60
_DAY = timedelta(days=1)
_SHIFT = re.compile(r"(\d{1,2}):([0-5]\d)\s*[-–—~]\s*(\d{1,2}):([0-5]\d)")


@dataclass(frozen=True, order=True)
class Shift:
    """Minutes after midnight of the day on which the shift begins; `end` is over 1440 for one over midnight."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.start < DAY_MINUTES and self.start < self.end <= self.start + DAY_MINUTES):
            raise ValueError(f"a shift from {self.start} to {self.end} is none")

    def __str__(self) -> str:
        end = self.end - DAY_MINUTES if self.end > DAY_MINUTES else self.end
        return f"{self.start // 60:02}:{self.start % 60:02}-{end // 60:02}:{end % 60:02}"


Shifts = tuple[Shift, ...]

#: Working hours of a usual day until the company enters others (D-SLA-5).
USUAL: Shifts = (Shift(8 * 60 + 30, 17 * 60 + 30),)
#: Monday to Sunday.
USUAL_WEEK: tuple[Shifts, ...] = (USUAL,) * 5 + ((),) * 2


def parse_shifts(text: str) -> Shifts:
    """Read `08:30-12:00, 22:00-06:00`; an end at or before its start lies on the next day. Raise ValueError."""
    found = []
    for part in re.split(r"[,;，；、]", text):
        match = _SHIFT.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"no shift: {part!r}")
        start, end = (int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3))
        if start >= DAY_MINUTES or end > DAY_MINUTES:
            raise ValueError(f"no time of day: {part!r}")
        found.append(Shift(start, end if end > start else end + DAY_MINUTES))
    found.sort()
    if any(one.end > other.start for one, other in pairwise(found)):
        raise ValueError("shifts overlap")
    return tuple(found)


def show_shifts(shifts: Iterable[Shift]) -> str:
    """Return the text that `parse_shifts` reads."""
    return ", ".join(map(str, shifts))


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class WorkingCalendar:
    """Working time in one zone. `days` holds the shifts of days that differ from their weekday, none for a holiday.

    A shift belongs to the day on which it begins: a holiday does not cut the night shift of the day before.
    `version` names what was known when the calendar was read.
    """

    week: tuple[Shifts, ...] = USUAL_WEEK
    days: Mapping[date, Shifts] = field(default_factory=dict)
    zone: ZoneInfo = BUSINESS_ZONE
    version: int = 0

    def __post_init__(self) -> None:
        if len(self.week) != 7:
            raise ValueError("a week has seven days")

    def with_days(self, own: Mapping[date, Shifts]) -> WorkingCalendar:
        """Return this calendar with the own days of a group in place of the company's."""
        return replace(self, days={**self.days, **own})

    def shifts(self, day: date) -> Shifts:
        """Return the shifts that begin on `day`."""
        own = self.days.get(day)
        return self.week[day.weekday()] if own is None else own

    def is_working_day(self, day: date) -> bool:
        """Return whether a shift begins on `day`."""
        return bool(self.shifts(day))

    @property
    def usual_shifts(self) -> Shifts:
        """The shifts that most days of the week have; of equally many the longest. Those of a make-up day."""
        counted = Counter(shifts for shifts in self.week if shifts)
        if not counted:
            return ()
        return max(counted, key=lambda shifts: (counted[shifts], sum(one.end - one.start for one in shifts)))

    @property
    def usual_day(self) -> int:
        """Seconds of one working day as a unit of limits."""
        return sum(one.end - one.start for one in self.usual_shifts) * 60

    def add_working(self, start: datetime, seconds: int) -> datetime:
        """Return the earliest moment with `seconds` of working time after `start`.

        Raise ValueError for a negative number and where there is no working time.
        """
        if seconds < 0:
            raise ValueError("working time cannot be taken away")
        start = _whole(start)
        if seconds == 0:
            return start
        left = timedelta(seconds=seconds)
        for begins, ends in self._spans(start):
            if ends - begins >= left:
                return begins + left
            left -= ends - begins
        raise ValueError("this calendar has no working time")

    def working_between(self, start: datetime, end: datetime) -> int:
        """Return the seconds of working time from `start` to `end`; negative where `end` is the earlier."""
        start, end = _whole(start), _whole(end)
        if end < start:
            return -self.working_between(end, start)
        total = timedelta()
        # Not by _spans(): a stretch without shifts ends a search, but not a sum.
        last = end.astimezone(self.zone).date()
        for begins, ends in self._merged(self._first_day(start), last):
            total += max(min(ends, end) - max(begins, start), timedelta())
        return int(total.total_seconds())

    def add_working_days(self, start: datetime, count: int) -> datetime:
        """Return `start` plus `count` usual days of working time: the same time of day where all days are usual."""
        return self.add_working(start, count * self.usual_day)

    def next_working(self, moment: datetime) -> datetime:
        """Return `moment` where work goes on after it, else the beginning of the next shift. Raise ValueError."""
        moment = _whole(moment)
        for begins, _ in self._spans(moment):
            return max(begins, moment)
        raise ValueError("this calendar has no working time")

    def previous_working(self, moment: datetime) -> datetime:
        """Return `moment` where work went on before it, else the end of the last shift. Raise ValueError."""
        moment = _whole(moment)
        day = moment.astimezone(self.zone).date()
        for back in range(MOST_DAYS):
            before = [min(ends, moment) for begins, ends in self._of_day(day - back * _DAY) if begins < moment]
            # A night shift of the day before may end later than an early one of this day.
            before += [min(ends, moment) for begins, ends in self._of_day(day - (back + 1) * _DAY)] if before else []
            if before:
                return max(before)
        raise ValueError("this calendar has no working time")

    def _first_day(self, moment: datetime) -> date:
        """The first day whose shifts may reach `moment`: a shift lasts at most a day."""
        return moment.astimezone(self.zone).date() - _DAY

    def _spans(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield working time that ends after `start`, in order, without overlap, until a long stretch without any."""
        day, empty = self._first_day(start), 0
        reached = start
        while empty < MOST_DAYS:
            found = self._of_day(day)
            empty = 0 if found else empty + 1
            for begins, ends in found:
                if ends > reached:
                    yield max(begins, reached), ends
                    reached = ends
            day += _DAY

    def _merged(self, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
        """Yield the working time of shifts that begin on these days, in order, without overlap."""
        reached = datetime.min.replace(tzinfo=UTC)
        for number in range((last - first).days + 1):
            for begins, ends in self._of_day(first + number * _DAY):
                if ends > reached:
                    yield max(begins, reached), ends
                    reached = ends

    def _of_day(self, day: date) -> list[tuple[datetime, datetime]]:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001
        return [
            tuple(  # type: ignore[misc]
                (midnight + timedelta(minutes=at)).replace(tzinfo=self.zone).astimezone(UTC)
                for at in (one.start, one.end)
            )
            for one in sorted(self.shifts(day))
        ]
