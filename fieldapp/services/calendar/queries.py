"""Reading the working calendar as it is now or as a version had it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from fieldapp.kernel import clock
from fieldapp.kernel.calendar import USUAL_WEEK, Shifts, WorkingCalendar, parse_shifts
from fieldapp.platform.extensions import db
from fieldapp.services.calendar.models import CalendarDay, CalendarVersion


@dataclass(frozen=True)
class EnteredDay:
    """What holds for a day of the company (`group_id` is None) or of a group, and who entered it when and why."""

    day: date
    group_id: int | None
    kind: str
    shifts: str
    label: str
    who: str
    recorded_at: datetime
    reason: str


@dataclass
class Entries:
    """Everything entered up to a version; of several entries for a day the last one."""

    version: int = 0
    week: tuple[Shifts, ...] = USUAL_WEEK
    days: dict[tuple[date, int | None], EnteredDay] = field(default_factory=dict)

    def calendar(self, group_id: int | None = None) -> WorkingCalendar:
        """Return the calendar of the company, with the own days of a group where one is given."""
        company = WorkingCalendar(week=self.week, version=self.version)
        usual = company.usual_shifts
        of_all, own = (
            {day: _shifts(one, usual) for (day, group), one in self.days.items() if group == whose}
            for whose in (None, group_id)
        )
        company = WorkingCalendar(week=self.week, days=of_all, version=self.version)
        return company if group_id is None else company.with_days(own)

    def knows_year(self, year: int) -> bool:
        """Return whether holidays of the company were entered for a year; without them its dates are provisional."""
        return any(day.year == year and group is None for day, group in self.days)


def entries(version: int | None = None) -> Entries:
    """Return what was entered, up to `version` where one is given; one query."""
    # The calendar and accounts stand beside each other, so names are read from their table.
    people: Any = CalendarVersion.metadata.tables["user"].c
    query = (
        select(CalendarVersion, CalendarDay, people.name)
        .outerjoin(CalendarDay, CalendarDay.version == CalendarVersion.version)
        .join(people.id.table, people.id == CalendarVersion.recorded_by)
        .order_by(CalendarVersion.version, CalendarDay.id)
    )
    if version is not None:
        query = query.where(CalendarVersion.version <= version)
    found = Entries()
    for change, day, who in db.session.execute(query):
        found.version = change.version
        if change.week is not None:
            found.week = tuple(parse_shifts(text) if text else () for text in change.week)
        if day is None:
            continue
        if day.kind == "removed":
            found.days.pop((day.day, day.group_id), None)
        else:
            found.days[day.day, day.group_id] = EnteredDay(
                day.day, day.group_id, day.kind, day.shifts, day.label, who, change.recorded_at, change.reason
            )
    return found


def working_calendar(group_id: int | None = None, version: int | None = None) -> WorkingCalendar:
    """Return the calendar of the company or of a group, as it is now or as `version` had it.

    Its `version` is the one to keep with what is counted by it.
    """
    return entries(version).calendar(group_id)


def _shifts(one: EnteredDay, usual: Shifts) -> Shifts:
    if one.kind == "make_up":
        return usual
    return parse_shifts(one.shifts) if one.kind == "shifts" else ()


def years_shown() -> range:
    """Return the years that the page leads to: last year, this one and the next."""
    year = clock.today().year
    return range(year - 1, year + 2)
