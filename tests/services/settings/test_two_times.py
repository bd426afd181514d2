"""Settings by date (D-SET-1): a record is judged by what was known when it was written, whenever it arrives."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from fieldapp.kernel import clock, ids
from fieldapp.kernel.settings import Column, SettingDef
from fieldapp.platform.extensions import db
from fieldapp.services.settings import value
from fieldapp.services.settings.queries import SETTINGS, value_column, value_from
from fieldapp.supply.parts.models import PartsRequest
from tests.support.bench import Bench

PER_DIEM = SettingDef("travel.per_diem", "Per diem", Decimal("20.00"), "D-EXP-2")
QUIET = SettingDef("travel.note", "Note", "Come home safely", "D-NOTE-1", high=100, at_once=True)
LODGING = SettingDef(
    "travel.limits",
    "Limits",
    Decimal(0),
    "D-EXP-13",
    columns=(
        Column("kind", "Kind", (("lodging", "Lodging"), ("taxi", "Taxi"))),
        Column("grade", "G"),
        Column("city", "C"),
    ),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=clock.BUSINESS_ZONE)


@pytest.fixture(autouse=True)
def definitions(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in (PER_DIEM, QUIET, LODGING):
        monkeypatch.setitem(SETTINGS.of(bench.app), one.key, one)


class Desk:
    """The administrator at a moment."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def act(self, moment: str, verb: str, record: str, data: dict[str, Any]) -> Any:
        schema = 2 if verb == "change" else 1
        with time_machine.travel(at(moment), tick=False):
            person, agg = self.bench.cast.admin, ("setting", record)
            return self.bench.send(person, f"setting.{verb}", agg, data, schema=schema)

    def enter(
        self, moment: str, since: str, text: str, key: str = PER_DIEM.key, verb: str = "change", **row: str
    ) -> Any:
        with time_machine.travel(at(moment), tick=False):
            record = str(ids.uuid7())
        data = {"id": record, "key": key, "value": text, "valid_from": since, "reason": "Decided", **row}
        result = self.act(moment, verb, record, data)
        return result if result.outcome != "accepted" else record

    def asked(self, written: str, key: str = PER_DIEM.key, row: tuple[str, ...] = ()) -> Any:
        with self.bench.app.test_request_context():
            found = value(key, at(written), row)
            db.session.remove()
            return found


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


OLD, NEW = Decimal("20.00"), Decimal("25.00")


def test_1_record_of_the_last_second_before_the_day_keeps_the_old_value(desk: Desk) -> None:
    desk.enter("2026-11-10 15:00", "2026-11-11", "25.00")
    assert desk.asked("2026-11-10 23:59:59") == OLD
    assert desk.asked("2026-11-11 00:00:00") == NEW


def test_1_arrival_does_not_matter_for_a_real_request(desk: Desk, bench: Bench) -> None:
    """The limit of parts falls from 500.00 to 100.00 on 11 November; a request of 170.00 then goes up."""
    desk.enter("2026-11-10 15:00", "2026-11-11", "100.00", key="parts.leader_limit")
    went_up = {}
    for written, arrives in (
        ("2026-11-10 23:59:59", "2026-11-12 09:00"),
        ("2026-11-11 00:00:00", "2026-11-11 00:00"),
        ("2026-11-11 00:00:00", "2026-11-12 09:00"),
    ):
        went_up[written, arrives] = request(bench, written, arrives)
    assert list(went_up.values()) == [False, True, True]


def request(bench: Bench, written: str, arrives: str) -> bool:
    """Whether a request for a part of 170.00 also goes to purchasing."""
    with time_machine.travel(at(arrives), tick=False):
        record = str(ids.uuid7())
        line = {"name": "Probe", "qty": "1", "unit_price": "170.00"}
        data = {"id": record, "urgency": "normal", "wanted_on": "2026-11-20", "reason": "Stock", "lines": [line]}
        when = {"utc": clock.iso(at(written)), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 9}
        result = bench.send(bench.cast.tech, "parts_request.submit", ("parts_request", record), data, at=when)
    assert result.outcome == "accepted", result
    with bench.app.app_context():
        found = db.session.get_one(PartsRequest, record)
        goes_up = found.goes_up
        db.session.remove()
    return goes_up


def test_2_correction_leaves_what_was_written_and_lists_it(desk: Desk, bench: Bench, client_of: Any) -> None:
    for day in ("05", "12"):
        assert not request(bench, f"2026-11-{day} 10:00", f"2026-11-{day} 10:00")
    desk.enter("2026-11-10 15:00", "2026-11-11", "160.00", key="parts.leader_limit")
    record = desk.enter("2026-11-20 09:00", "2026-11-01", "150.00", key="parts.leader_limit", verb="correct")
    assert not request(bench, "2026-11-05 18:00", "2026-11-21 08:00"), "written before it was known"
    with time_machine.travel(at("2026-11-21 12:00"), tick=False):
        page = client_of(bench.cast.admin).get(f"/settings/corrections/{record}").text
    assert page.count("· written ") == 2
    assert page.count("arrived after the correction") == 1


def test_2_corrected_days_hold_for_what_is_written_afterwards(desk: Desk) -> None:
    desk.enter("2026-11-20 09:00", "2026-11-01", "25.00", verb="correct")
    assert [desk.asked(moment) for moment in ("2026-11-05 10:00", "2026-11-20 08:59", "2026-11-20 09:01")] == [
        OLD,
        OLD,
        NEW,
    ]


def test_3_withdrawn_change_never_holds(desk: Desk) -> None:
    record = desk.enter("2026-11-20 09:00", "2026-12-01", "25.00")
    assert desk.act("2026-11-25 09:00", "withdraw", record, {"reason": "Not decided"}).outcome == "accepted"
    assert desk.asked("2026-12-02 09:00") == OLD
    again = desk.act("2026-11-26 09:00", "withdraw", record, {"reason": "Again"})
    assert (again.outcome, again.code) == ("conflict", "setting.withdrawn")
    desk.enter("2026-11-27 09:00", "2026-12-01", "30.00")
    assert desk.asked("2026-12-02 09:00") == Decimal(30)


def test_3_change_that_holds_cannot_be_withdrawn(desk: Desk) -> None:
    record = desk.enter("2026-11-20 09:00", "2026-12-01", "25.00")
    late = desk.act("2026-12-01 00:00:00", "withdraw", record, {"reason": "Too late"})
    assert (late.outcome, late.code) == ("conflict", "setting.holds_already")
    assert desk.asked("2026-12-02 09:00") == NEW


def test_3_pages_that_read_the_column_do_not_see_a_withdrawn_change(desk: Desk, bench: Bench) -> None:
    desk.enter("2026-11-19 09:00", "2026-11-20", "22.00")
    record = desk.enter("2026-11-20 09:00", "2026-12-01", "25.00")
    desk.act("2026-11-25 09:00", "withdraw", record, {"reason": "Not decided"})
    with bench.app.app_context():
        from sqlalchemy import select

        days = [date(2026, 11, 19), date(2026, 12, 2)]
        query = select(value_column(PER_DIEM.key))
        found = [value_from(PER_DIEM.key, db.session.scalar(query, {"on": day})) for day in days]
        db.session.remove()
    assert found == [OLD, Decimal(22)]


def test_4_of_two_changes_for_one_day_the_later_entry_holds(desk: Desk) -> None:
    desk.enter("2026-11-10 15:00", "2026-11-12", "25.00")
    desk.enter("2026-11-10 15:01", "2026-11-12", "24.00")
    assert desk.asked("2026-11-12 08:00") == Decimal(24)


def test_5_change_from_today_is_refused_in_words_at_the_field(desk: Desk) -> None:
    result = desk.enter("2026-11-10 15:00", "2026-11-10", "25.00")
    assert result.outcome == "rejected"
    assert "tomorrow at the earliest" in result.problems["valid_from"][0]
    assert desk.asked("2026-11-10 16:00") == OLD


def test_5_setting_marked_at_once_holds_from_its_entry(desk: Desk) -> None:
    assert isinstance(desk.enter("2026-11-10 15:00", "2026-11-10", "Drive slowly", key=QUIET.key), str)
    moments = ("2026-11-10 14:59:59", "2026-11-10 15:00:00")
    assert [desk.asked(moment, QUIET.key) for moment in moments] == ["Come home safely", "Drive slowly"]


def test_5_correction_of_a_coming_day_is_refused(desk: Desk) -> None:
    result = desk.enter("2026-11-10 15:00", "2026-11-11", "25.00", verb="correct")
    assert result.outcome == "rejected"
    assert "valid_from" in result.problems


def test_6_most_exact_row_of_a_table_holds(desk: Desk) -> None:
    moment, since = "2026-11-10 15:00", "2026-11-11"
    for row, text in (
        (("lodging", "A", "Shanghai"), "400"),
        (("lodging", "", "Shanghai"), "350"),
        (("lodging", "", ""), "300"),
    ):
        cells = {f"row_{number}": cell for number, cell in enumerate(row, start=1) if cell}
        assert isinstance(desk.enter(moment, since, text, key=LODGING.key, **cells), str)
    asked = [
        ("lodging", "A", "Shanghai"),
        ("lodging", "B", "Shanghai"),
        ("lodging", "B", "Wuhu"),
        ("taxi", "A", "Wuhu"),
    ]
    assert [desk.asked("2026-11-11 08:00", LODGING.key, row) for row in asked] == [400, 350, 300, 0]
    assert desk.asked("2026-11-10 23:59", LODGING.key, asked[0]) == 0
    tied = desk.enter(moment, "2026-11-20", "320", key=LODGING.key, row_1="lodging", row_2="A")
    assert tied.outcome == "rejected"
    assert "fit equally well" in tied.problems["row_1"][0]


def test_6_row_that_can_never_meet_another_one_is_no_tie(desk: Desk) -> None:
    desk.enter("2026-11-10 15:00", "2026-11-11", "350", key=LODGING.key, row_1="lodging", row_3="Shanghai")
    other = desk.enter("2026-11-10 15:00", "2026-11-11", "90", key=LODGING.key, row_1="taxi", row_2="A")
    assert isinstance(other, str)
