"""Sending a report: who may, what moves, late work, second reports (D-JOB-6, D-JOB-10, failure mode 50)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fieldapp.field.jobs import Visit, VisitEvent
from fieldapp.field.reports import NextVisitPlan, ReportDevice, ReportPart, ServiceReport
from fieldapp.field.reports.models import PlanLine
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus.models import Attachment, Notice
from fieldapp.platform.extensions import db
from fieldapp.services.approvals import case_for
from tests.field.reports.sheets import (
    STROKES,
    cancel,
    decide,
    give_away,
    make_part,
    only_report,
    plan,
    report_of,
    sheet,
    submit,
    versions,
    visit_of,
)
from tests.support.bench import Bench


def rows(bench: Bench, model: Any) -> list[Any]:
    with bench.app.app_context():
        return db.session.query(model).all()


def notices(bench: Bench, user_id: int) -> list[str]:
    return [one.kind for one in rows(bench, Notice) if one.user_id == user_id]


def test_a_report_is_kept_and_asks_the_leader(bench: Bench) -> None:
    job, visit = bench.make_job(state="working")
    result = submit(bench, bench.cast.tech, visit, cause="Age", labour_minutes="40", explained="Check it yearly")
    assert (result.outcome, result.ver) == ("accepted", 1), result.problems
    report = only_report(bench)
    assert (report.state, report.version, report.late, report.is_further) == ("submitted", 1, False, False)
    assert (report.job_id, report.visit_id, report.group_id) == (job, visit, bench.cast.group)
    assert (report.labour_minutes, report.signature, report.ref) == (40, STROKES, result.ref)
    assert report.signed_hash == versions(bench)[0].content_hash
    assert visit_of(bench, visit).state == "reported"
    assert visit_of(bench, visit).result == "solved"
    with bench.app.app_context():
        case = case_for("service_report", report.id)
        assert case is not None
        assert (case.state, case.waiting_role, case.group_id, case.requester_id) == (
            "open",
            "leader",
            bench.cast.group,
            bench.cast.tech.id,
        )


def test_the_reference_is_the_one_the_customer_wrote_down(bench: Bench) -> None:
    _, visit = bench.make_job()
    result = submit(bench, bench.cast.tech, visit, envelope={"dev": str(ids.uuid7()), "seq": 42})
    assert result.ref is not None
    assert result.ref.endswith("-0042")


@pytest.mark.parametrize("state", ["assigned", "accepted", "en_route", "on_site", "working", "paused", "returned"])
def test_a_report_may_come_from_any_state_of_the_visit(bench: Bench, state: str) -> None:
    _, visit = bench.make_job(state=state)
    assert submit(bench, bench.cast.tech, visit).outcome == "accepted"
    assert visit_of(bench, visit).state == "reported"


def test_rows_are_facts_of_their_own(bench: Bench) -> None:
    part = make_part(bench)
    _, visit = bench.make_job()
    result = submit(
        bench,
        bench.cast.tech,
        visit,
        parts=[{"part_id": part, "old_serial": "A1", "new_serial": "B2"}, {"name": "Cable tie", "qty": "12"}],
        devices=[{"plate": "HA8K321", "old_terminal": "8832019", "new_terminal": "8840177", "test_result": "online"}],
        fee_amount="80.00",
        fee_method="cash",
    )
    assert result.outcome == "accepted", result.problems
    used = sorted(rows(bench, ReportPart), key=lambda one: one.position)
    assert [(one.part_id, one.name, one.qty, one.old_serial, one.new_serial) for one in used] == [
        (part, "Main board", 1, "A1", "B2"),
        (None, "Cable tie", 12, None, None),
    ]
    assert [(one.plate, one.new_terminal, one.test_result) for one in rows(bench, ReportDevice)] == [
        ("HA8K321", "8840177", "online")
    ]
    assert only_report(bench).fee_amount == Decimal("80.00")


def test_a_plan_takes_its_prices_from_the_catalogue(bench: Bench) -> None:
    part = make_part(bench, price="620.00")
    _, visit = bench.make_job()
    lines = [{"part_id": part, "qty": "2"}, {"name": "Tape", "unit_price": "3.50"}]
    assert submit(bench, bench.cast.tech, visit, **plan(plan_lines=lines)).outcome == "accepted"
    kept = sorted(rows(bench, PlanLine), key=lambda one: one.position)
    assert [(one.name, one.qty, one.unit_price) for one in kept] == [
        ("Main board", 2, Decimal("620.00")),
        ("Tape", 1, Decimal("3.50")),
    ]
    assert visit_of(bench, visit).result == "another_visit"


def test_a_part_that_left_the_catalogue_is_still_what_was_fitted(bench: Bench) -> None:
    _, visit = bench.make_job()
    part = make_part(bench, active=False)
    assert submit(bench, bench.cast.tech, visit, parts=[{"part_id": part}]).outcome == "accepted"


def test_an_unknown_part_is_told_at_its_row(bench: Bench) -> None:
    _, visit = bench.make_job()
    result = submit(bench, bench.cast.tech, visit, parts=[{"name": "Feed"}, {"part_id": str(ids.uuid7())}])
    assert result.outcome == "rejected"
    assert list(result.problems) == ["parts.1.part_id"]
    assert rows(bench, ServiceReport) == []


def test_d_job_7_without_its_plan_it_is_not_taken(bench: Bench) -> None:
    _, visit = bench.make_job(state="working")
    result = submit(bench, bench.cast.tech, visit, result="another_visit")
    assert (result.outcome, set(result.problems)) == ("rejected", {"plan_at", "plan_people", "plan_tools"})
    assert visit_of(bench, visit).state == "working"
    assert rows(bench, NextVisitPlan) == []


@pytest.mark.parametrize("days", [-1, 400])
def test_the_next_visit_lies_ahead_and_not_too_far(bench: Bench, days: int) -> None:
    _, visit = bench.make_job()
    result = submit(bench, bench.cast.tech, visit, **plan(days))
    assert (result.outcome, set(result.problems)) == ("rejected", {"plan_at"})


def test_a_plan_that_waited_for_signal_is_judged_by_the_authors_clock(bench: Bench) -> None:
    _, visit = bench.make_job()
    wrote = clock.iso(clock.now() - timedelta(days=5))
    result = submit(bench, bench.cast.tech, visit, envelope={"at": {"utc": wrote}}, **plan(-2))
    assert result.outcome == "accepted", result.problems


def test_photos_belong_to_the_report_and_its_seal(bench: Bench) -> None:
    _, visit = bench.make_job()
    note, _ = bench.photo()
    assert submit(bench, bench.cast.tech, visit, envelope={"atts": [note]}).outcome == "accepted"
    assert versions(bench)[0].content["photos"] == [note["sha256"]]
    assert [(one.agg_type, one.agg_id) for one in rows(bench, Attachment)] == [
        ("service_report", only_report(bench).id)
    ]


def test_at_most_ten_photos(bench: Bench) -> None:
    _, visit = bench.make_job()
    notes = [bench.photo()[0] for _ in range(11)]
    result = submit(bench, bench.cast.tech, visit, envelope={"atts": notes})
    assert list(result.problems) == ["photos.photo"]


@pytest.mark.parametrize("who", ["tech2", "other_tech", "leader", "other_leader", "finance", "manager", "agent"])
def test_only_people_of_the_job_report(bench: Bench, who: str) -> None:
    _, visit = bench.make_job()
    result = submit(bench, getattr(bench.cast, who), visit)
    assert result.outcome == "rejected"
    assert rows(bench, ServiceReport) == []


def test_a_colleague_on_the_visit_may(bench: Bench) -> None:
    _, visit = bench.make_job(others=(bench.cast.tech2,))
    assert submit(bench, bench.cast.tech2, visit).outcome == "accepted"
    assert not only_report(bench).late


def test_an_unknown_visit_is_refused(bench: Bench) -> None:
    assert submit(bench, bench.cast.tech, str(ids.uuid7())).outcome == "rejected"


def test_the_record_is_the_one_the_envelope_names(bench: Bench) -> None:
    _, visit = bench.make_job()
    data = sheet(visit)
    for agg, code in (
        (("service_report", str(ids.uuid7())), "record.wrong_id"),
        (("visit", data["id"]), "record.wrong_type"),
    ):
        result = bench.send(bench.cast.tech, "service_report.submit", agg, data)
        assert (result.outcome, result.code) == ("rejected", code)


def test_the_same_id_again_is_a_conflict(bench: Bench) -> None:
    _, visit = bench.make_job()
    first = submit(bench, bench.cast.tech, visit)
    again = submit(bench, bench.cast.tech, visit, id=only_report(bench).id, fault="Another one")
    assert (first.outcome, again.outcome, again.code) == ("accepted", "conflict", "record.exists")
    assert only_report(bench).fault != "Another one"


def test_a_second_report_of_the_same_author_says_which_to_correct(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)
    again = submit(bench, bench.cast.tech, visit)
    assert (again.outcome, again.code) == ("conflict", "service_report.under_way")
    assert again.current is not None
    assert again.current["report"] == only_report(bench).id


def test_a_second_persons_report_is_a_further_fact(bench: Bench) -> None:
    _, visit = bench.make_job(others=(bench.cast.tech2,))
    submit(bench, bench.cast.tech, visit)
    assert submit(bench, bench.cast.tech2, visit).outcome == "accepted"
    assert [report_of(bench, one).is_further for one in (bench.cast.tech, bench.cast.tech2)] == [False, True]


def test_50_work_for_a_cancelled_visit_arrives_and_the_leader_is_told(bench: Bench) -> None:
    _, visit = bench.make_job(state="accepted")
    cancel(bench, visit)
    result = submit(bench, bench.cast.tech, visit)
    assert result.outcome == "accepted", result.problems
    report = only_report(bench)
    assert (report.late, report.late_why) == (True, "cancelled")
    assert visit_of(bench, visit).state == "cancelled"
    assert notices(bench, bench.cast.leader.id) == ["service_report.late_cancelled"]
    assert notices(bench, bench.cast.other_leader.id) == []
    page = bench.client_of(bench.cast.leader).get("/inbox")
    assert b"Late work" in page.data
    assert report.id.encode() in page.data


def test_50_work_for_a_visit_given_away_moves_nothing_of_the_new_persons(bench: Bench) -> None:
    _, visit = bench.make_job(state="on_site")
    give_away(bench, visit, bench.cast.tech, bench.cast.tech2)
    assert submit(bench, bench.cast.tech, visit).outcome == "accepted"
    report = only_report(bench)
    assert (report.late, report.late_why) == (True, "reassigned")
    assert (visit_of(bench, visit).state, visit_of(bench, visit).result) == ("on_site", None)
    assert [(one.kind, one.late) for one in rows(bench, VisitEvent)] == [("report", True)]
    assert notices(bench, bench.cast.leader.id) == ["service_report.late_reassigned"]
    assert submit(bench, bench.cast.tech2, visit).outcome == "accepted"
    assert not report_of(bench, bench.cast.tech2).late


def test_times_are_the_phones_and_ours(bench: Bench) -> None:
    _, visit = bench.make_job()
    wrote = clock.now() - timedelta(hours=7)
    submit(bench, bench.cast.tech, visit, envelope={"at": {"utc": clock.iso(wrote)}})
    report = only_report(bench)
    assert abs(report.submitted_at - wrote) < timedelta(seconds=1)
    assert report.received_at - report.submitted_at > timedelta(hours=6)


def test_what_is_wrong_in_a_row_is_told_at_its_field(bench: Bench) -> None:
    _, visit = bench.make_job()
    result = submit(bench, bench.cast.tech, visit, parts=[{"qty": 1}], devices=[{"driver": "Wang"}])
    assert result.problems == {
        "parts.0.name": ["Choose a part or write its name."],
        "devices.0.plate": ["Write the plate or a terminal number."],
    }


def test_52_a_refused_report_is_corrected_under_the_same_id_with_its_photos(bench: Bench) -> None:
    _, visit = bench.make_job()
    note, _ = bench.photo()
    data = sheet(visit, result="another_visit")
    agg = ("service_report", data["id"])
    refused = bench.send(bench.cast.tech, "service_report.submit", agg, data, atts=[note])
    assert refused.outcome == "rejected"
    assert rows(bench, Attachment) == []
    data |= plan()
    again = bench.send(bench.cast.tech, "service_report.submit", agg, data, atts=[note], supersedes=refused.op)
    assert again.outcome == "accepted", again.problems
    assert [one.agg_id for one in rows(bench, Attachment)] == [data["id"]]


def second_visit(bench: Bench) -> tuple[str, str]:
    """`(first visit, second visit)`: the first is reported and accepted, its plan became the second."""
    _, first = bench.make_job(state="working")
    wrote = clock.iso(clock.now() - timedelta(hours=3))
    assert submit(bench, bench.cast.tech, first, envelope={"at": {"utc": wrote}}, **plan()).outcome == "accepted"
    assert decide(bench, bench.cast.leader, "accept", only_report(bench).id).outcome == "accepted"
    return first, next(one.id for one in rows(bench, Visit) if one.id != first)


def start(bench: Bench, visit: str, hours_ago: float) -> None:
    at = clock.iso(clock.now() - timedelta(hours=hours_ago))
    assert bench.send(bench.cast.tech, "visit.start", ("visit", visit), {}, at={"utc": at}).outcome == "accepted"


def test_report_naming_an_accepted_visit_is_kept_for_the_visit_its_author_had_started(bench: Bench) -> None:
    first, second = second_visit(bench)
    start(bench, second, hours_ago=1)
    result = submit(bench, bench.cast.tech, first, fault="Second time")
    assert result.outcome == "accepted", result.problems
    assert "later visit" in str(result.current)
    (report,) = [one for one in rows(bench, ServiceReport) if one.fault == "Second time"]
    assert (report.visit_id, report.is_further, report.late) == (second, False, False)
    assert (visit_of(bench, second).state, visit_of(bench, first).state) == ("reported", "accepted_by_leader")


def test_report_naming_an_accepted_visit_stays_with_it_unless_its_author_had_started_another(bench: Bench) -> None:
    first, second = second_visit(bench)
    assert submit(bench, bench.cast.tech, first, fault="More of the first").outcome == "accepted"
    start(bench, second, hours_ago=1)
    wrote = clock.iso(clock.now() - timedelta(hours=2))
    before = submit(bench, bench.cast.tech, first, fault="Written before", envelope={"at": {"utc": wrote}})
    # The author's report of the first visit that waits is the one to correct.
    assert (before.outcome, before.code) == ("conflict", "service_report.under_way")
    (report,) = [one for one in rows(bench, ServiceReport) if one.fault == "More of the first"]
    assert (report.visit_id, report.is_further) == (first, True)
    assert visit_of(bench, second).state == "working"
