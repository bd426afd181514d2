"""The working calendar in the database: versions, days of the company and of groups, the page (D-SLA-5)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from fieldapp.kernel import clock, ids
from fieldapp.kernel.calendar import WorkingCalendar
from fieldapp.platform.extensions import db
from fieldapp.services.calendar import working_calendar
from tests.support.bench import Bench, Cast

DAY = date(2026, 10, 1)


@pytest.fixture
def enter(bench: Bench) -> Any:
    def sent(verb: str, person: Any = None, **data: Any) -> Any:
        record = str(ids.uuid7())
        defaults: dict[str, Any] = {"reason": "Notice"}
        if verb == "set_days":
            defaults |= {"kind": "holiday", "label": "National Day"}
        body = {"id": record, **defaults, **data}
        return bench.send(person or bench.cast.admin, f"calendar.{verb}", ("calendar", record), body)

    return sent


def calendar(bench: Bench, group: int | None = None, version: int | None = None) -> WorkingCalendar:
    with bench.app.app_context():
        found = working_calendar(group, version)
        db.session.remove()
        return found


def test_holidays_in_a_row_are_one_entry_and_move_a_limit(bench: Bench, enter: Any) -> None:
    assert enter("set_days", day="2026-10-01", until="2026-10-07").outcome == "accepted"
    start = datetime(2026, 9, 30, 17, 0, tzinfo=clock.BUSINESS_ZONE)
    assert calendar(bench).add_working_days(start, 1) == datetime(2026, 10, 8, 17, 0, tzinfo=clock.BUSINESS_ZONE)
    assert calendar(bench).version == 1


def test_old_version_still_says_what_it_said(bench: Bench, enter: Any) -> None:
    enter("set_days", day="2026-10-01")
    enter("set_days", day="2026-10-01", kind="shifts", shifts="22:00-06:00", label="Night")
    enter("remove_day", day="2026-10-01")
    said = [str(*calendar(bench, version=n).shifts(DAY)) or "free" for n in (1, 2, 3)]
    assert said == ["free", "22:00-06:00", "08:30-17:30"]
    assert calendar(bench).version == 3


def test_own_day_of_a_group_holds_for_this_group_only(bench: Bench, enter: Any) -> None:
    enter("set_days", day="2026-10-01")
    enter("set_days", day="2026-10-01", kind="make_up", label="Stand-by", group_id="1")
    works = [calendar(bench, group).is_working_day(DAY) for group in (None, 1, 2)]
    assert works == [False, True, False]
    assert enter("remove_day", day="2026-10-01", group_id="2").code == "calendar.not_entered"


def test_changed_week_gives_make_up_days_its_shifts(bench: Bench, enter: Any) -> None:
    enter("set_days", day="2026-10-10", kind="make_up", label="Make-up")
    office = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "08:30-12:00, 13:00-17:30")
    assert enter("set_week", **office).outcome == "accepted"
    assert len(calendar(bench).shifts(date(2026, 10, 10))) == 2
    assert len(calendar(bench, version=1).shifts(date(2026, 10, 10))) == 1


@pytest.mark.parametrize(
    ("verb", "field", "data"),
    [
        ("set_days", "until", {"day": "2026-10-07", "until": "2026-10-01"}),
        ("set_days", "until", {"day": "2026-10-01", "until": "2026-12-01"}),
        ("set_days", "shifts", {"day": "2026-10-01", "kind": "shifts"}),
        ("set_days", "shifts", {"day": "2026-10-01", "kind": "shifts", "shifts": "8 to 12"}),
        ("set_days", "group_id", {"day": "2026-10-01", "group_id": "99"}),
        ("set_days", "id", {"day": "2026-10-01", "id": "01890000-0000-7000-8000-000000000000"}),
        ("set_days", "label", {"day": "2026-10-01", "label": None}),
        ("set_week", "monday", {}),
        ("set_week", "friday", {"monday": "08:30-17:30", "friday": "soon"}),
    ],
)
def test_bad_entry_is_named_at_its_field(bench: Bench, enter: Any, verb: str, field: str, data: dict[str, Any]) -> None:
    result = enter(verb, **data)
    assert result.outcome == "rejected"
    assert field in result.problems
    assert calendar(bench).version == 0


def test_only_administrators_change_the_calendar(bench: Bench, cast: Cast, enter: Any, client_of: Any) -> None:
    for key in ("tech", "leader", "manager", "hr", "executive"):
        person = getattr(cast, key)
        assert enter("set_days", person, day="2026-10-01").outcome == "rejected"
        assert client_of(person).get("/calendar").status_code == 403
    assert calendar(bench).version == 0


def test_page_shows_the_year_and_says_when_it_is_not_entered(
    cast: Cast, enter: Any, client_of: Any, queries: Any
) -> None:
    enter("set_days", day="2026-10-01", until="2026-10-07", label="National <Day>")
    client = client_of(cast.admin)
    with queries() as count:
        page = client.get("/calendar?year=2026").text
    assert count.count <= 12
    assert page.count("National &lt;Day&gt;") == 7
    assert "provisional" not in page
    assert "provisional" in client.get("/calendar?year=2027").text
    assert 'value="National &lt;Day&gt;"' in client.get("/calendar/days?on=2026-10-01").text
    assert client.get("/calendar/remove?on=2026-10-01").status_code == 200
    assert client.get("/calendar/remove?on=2026-10-09").status_code == 404
    assert 'value="08:30-17:30"' in client.get("/calendar/week").text
