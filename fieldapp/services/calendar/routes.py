"""The year of the working calendar for administrators, and its forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.kernel.calendar import show_shifts
from fieldapp.platform.extensions import db
from fieldapp.platform.web import inputs
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import needs
from fieldapp.platform.web.render import render
from fieldapp.services.calendar.models import CalendarVersion
from fieldapp.services.calendar.queries import EnteredDay, Entries, entries, years_shown
from fieldapp.services.calendar.schemas import KINDS, WEEKDAYS

bp = Blueprint("calendar", __name__)


@dataclass
class Month:
    """A month of the year: its first day, the number of the company's working days, what was entered."""

    first: date
    working_days: int = 0
    entered: list[EnteredDay] = field(default_factory=list)


@bp.get("/calendar")
@needs("calendar.set_days")
def year() -> Response:
    """The entered days of a year by month, and the usual week; this year where the address names none."""
    number = inputs.whole(inputs.query("year"), low=2000, high=2199) or clock.today().year
    known = entries()
    return render(
        "services/calendar/year.html",
        fragment="services/calendar/_year.html",
        number=number,
        years=years_shown(),
        months=_months(known, number),
        provisional=not known.knows_year(number),
        week=[(name, show_shifts(shifts)) for name, shifts in zip(_WEEKDAY_NAMES, known.week, strict=True)],
        kinds=dict(KINDS),
        groups=dict(_groups()),
    )


_WEEKDAY_NAMES = (
    _l("Monday"),
    _l("Tuesday"),
    _l("Wednesday"),
    _l("Thursday"),
    _l("Friday"),
    _l("Saturday"),
    _l("Sunday"),
)


def _months(known: Entries, number: int) -> list[Month]:
    company = known.calendar()
    months = [Month(date(number, month, 1)) for month in range(1, 13)]
    day = date(number, 1, 1)
    while day.year == number:
        months[day.month - 1].working_days += company.is_working_day(day)
        day += timedelta(days=1)
    for one in sorted(known.days.values(), key=lambda one: (one.day, one.group_id or 0)):
        if one.day.year == number:
            months[one.day.month - 1].entered.append(one)
    return months


@bp.route("/calendar/days", methods=["GET", "POST"])
@needs("calendar.set_days")
def set_days() -> Response:
    """Enter days, or correct the day that the address names."""
    known = _named_day()
    initial: dict[str, Any] = {"day": inputs.day(inputs.query("on")), "kind": "holiday"}
    if known is not None:
        initial |= {"kind": known.kind, "shifts": known.shifts, "label": known.label, "group_id": known.group_id}
    return _form(
        "calendar.set_days",
        _l("Enter days"),
        initial,
        gettext("{label}: {day}"),
        draft=f"calendar:{known.day}:{known.group_id}" if known else "calendar:new",
        options={"group_id": _groups()},
        day=known.day if known else None,
    )


@bp.route("/calendar/remove", methods=["GET", "POST"])
@needs("calendar.remove_day")
def remove_day() -> Response:
    """Take an entered day back."""
    known = _named_day()
    if known is None:
        raise NotFound("calendar.not_found")
    title = f"{known.day.isoformat()} · {known.label}"
    initial = {"day": known.day, "group_id": known.group_id}
    return _form("calendar.remove_day", _l("Remove this day"), initial, title, intro=title, day=known.day)


@bp.route("/calendar/week", methods=["GET", "POST"])
@needs("calendar.set_week")
def set_week() -> Response:
    """Change the shifts of a usual week."""
    week = dict(zip(WEEKDAYS, map(show_shifts, entries().week), strict=True))
    return _form("calendar.set_week", _l("Usual week"), week, gettext("Usual week"), draft="calendar:week")


def _form(
    kind: str, title: Any, initial: dict[str, Any], record: str, day: date | None = None, **more: Any
) -> Response:
    done = url_for("calendar.year", year=day.year) if day else url_for("calendar.year")
    page = FormPage(
        kind=kind, agg=("calendar", None), title=title, submit=title, done=done, back=done, initial=initial, **more
    )
    page.record_title = record
    return form_page(page)


def _named_day() -> EnteredDay | None:
    """The entered day that the address names with `on` and `group`."""
    day, group = inputs.day(inputs.query("on")), inputs.whole(inputs.query("group"), low=1)
    return entries().days.get((day, group)) if day else None


def _groups() -> list[tuple[str, str]]:
    groups = CalendarVersion.metadata.tables["group"].c
    return [(str(key), name) for key, name in db.session.execute(select(groups.id, groups.name).order_by(groups.id))]
