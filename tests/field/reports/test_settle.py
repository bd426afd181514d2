"""Acceptance: who, once, and what it carries on (D-JOB-7, D-JOB-9, D-JOB-10, D-JOB-11)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fieldapp.field.jobs import Job, Visit, VisitMember
from fieldapp.field.reports import NextVisitPlan
from fieldapp.kernel import clock
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db
from fieldapp.services.approvals import case_for
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from tests.field.reports.sheets import (
    cancel,
    decide,
    give_away,
    make_part,
    only_report,
    plan,
    report_of,
    submit,
    visit_of,
)
from tests.support.bench import Bench


def rows(bench: Bench, model: Any) -> list[Any]:
    with bench.app.app_context():
        return db.session.query(model).all()


def test_an_accepted_solved_report_solves_the_job(bench: Bench) -> None:
    job, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit)
    assert decide(bench, bench.cast.leader, "accept", only_report(bench).id).outcome == "accepted"
    with bench.app.app_context():
        assert db.session.get_one(Job, job).state == "solved"
    assert [one.kind for one in rows(bench, Notice) if one.user_id == bench.cast.tech.id] == ["service_report.accept"]


def test_d_job_7_an_accepted_plan_becomes_the_visit_and_the_parts_request(bench: Bench) -> None:
    part = make_part(bench)
    job, visit = bench.make_job(state="working", others=(bench.cast.tech2,))
    lines = [{"part_id": part, "qty": 1}, {"name": "Tape", "qty": 2, "unit_price": "3.50"}]
    sent = plan(plan_lines=lines)
    submit(bench, bench.cast.tech, visit, **sent)
    assert rows(bench, PartsRequest) == []
    result = decide(bench, bench.cast.leader, "accept", only_report(bench).id)
    assert result.outcome == "accepted", result.problems

    following = next(one for one in rows(bench, Visit) if one.id != visit)
    assert (following.job_id, following.state, following.technician_id) == (job, "assigned", bench.cast.tech.id)
    assert clock.local(following.planned_start).strftime("%Y-%m-%dT%H:%M") == sent["plan_at"]
    people = {one.user_id: one.in_charge for one in rows(bench, VisitMember) if one.visit_id == following.id}
    assert people == {bench.cast.tech.id: True, bench.cast.tech2.id: False}
    assert [one.visit_id for one in rows(bench, NextVisitPlan)] == [following.id]

    (request,) = rows(bench, PartsRequest)
    assert (request.job_id, request.requester_id) == (job, bench.cast.tech.id)
    assert request.wanted_on.isoformat() == sent["plan_at"][:10]
    wanted = sorted((one.name, one.qty, one.unit_price) for one in rows(bench, PartsLine))
    assert wanted == [("Main board", 1, Decimal("620.00")), ("Tape", 2, Decimal("3.50"))]
    with bench.app.app_context():
        case = case_for("parts_request", request.id)
        assert case is not None
        assert case.state == "open"


def test_a_plan_without_parts_asks_for_none(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit, **plan())
    decide(bench, bench.cast.leader, "accept", only_report(bench).id)
    assert len(rows(bench, Visit)) == 2
    assert rows(bench, PartsRequest) == []


def test_a_returned_plan_makes_nothing(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit, **plan())
    decide(bench, bench.cast.leader, "return", only_report(bench).id, reason="Call first")
    assert len(rows(bench, Visit)) == 1


def test_two_accepted_plans_of_one_visit_make_one_next_visit(bench: Bench) -> None:
    _, visit = bench.make_job(others=(bench.cast.tech2,))
    for person in (bench.cast.tech, bench.cast.tech2):
        submit(bench, person, visit, **plan())
    for person in (bench.cast.tech, bench.cast.tech2):
        assert decide(bench, bench.cast.leader, "accept", report_of(bench, person).id).outcome == "accepted"
    assert len(rows(bench, Visit)) == 2


def test_accepting_late_work_neither_settles_nor_plans(bench: Bench) -> None:
    _, visit = bench.make_job(state="on_site")
    give_away(bench, visit, bench.cast.tech, bench.cast.tech2)
    submit(bench, bench.cast.tech, visit, **plan(plan_lines=[{"name": "Tape", "unit_price": "3.50"}]))
    submit(bench, bench.cast.tech2, visit)
    late = report_of(bench, bench.cast.tech)
    assert decide(bench, bench.cast.leader, "accept", late.id).outcome == "accepted"
    assert visit_of(bench, visit).state == "reported"
    assert len(rows(bench, Visit)) == 1
    assert rows(bench, PartsRequest) == []
    assert decide(bench, bench.cast.leader, "accept", report_of(bench, bench.cast.tech2).id).outcome == "accepted"
    assert visit_of(bench, visit).state == "accepted_by_leader"


def test_late_work_on_a_cancelled_visit_can_be_accepted_and_leaves_it_cancelled(bench: Bench) -> None:
    _, visit = bench.make_job()
    cancel(bench, visit)
    submit(bench, bench.cast.tech, visit)
    assert decide(bench, bench.cast.leader, "accept", only_report(bench).id).outcome == "accepted"
    assert visit_of(bench, visit).state == "cancelled"


@pytest.mark.parametrize(
    "who", ["tech", "tech2", "other_tech", "other_leader", "finance", "manager", "admin", "quality"]
)
@pytest.mark.parametrize("verb", ["accept", "return"])
def test_only_the_groups_leader_decides(bench: Bench, who: str, verb: str) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)
    data = {"reason": "why"} if verb == "return" else {}
    assert decide(bench, getattr(bench.cast, who), verb, only_report(bench).id, **data).outcome == "rejected"
    assert only_report(bench).state == "submitted"


def test_a_second_decision_is_a_conflict(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit, **plan())
    report = only_report(bench).id
    decide(bench, bench.cast.leader, "accept", report)
    assert decide(bench, bench.cast.leader, "accept", report).outcome == "conflict"
    assert decide(bench, bench.cast.leader, "return", report, reason="late").outcome == "conflict"
    assert len(rows(bench, Visit)) == 2


def test_a_return_needs_its_reason(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)
    result = decide(bench, bench.cast.leader, "return", only_report(bench).id)
    assert (result.outcome, list(result.problems)) == ("rejected", ["reason"])


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ("Tech2 Person", [2]),
        ("Tech2 Person, Tech Person", [2, 1]),
        ("tech person + tech2 person", [1, 2]),
        ("Somebody Else", [1]),
        ("Other_Tech Person", [1]),
    ],
)
def test_d_job_7_the_people_named_in_the_plan_make_the_next_visit(
    bench: Bench, people: str, expected: list[int]
) -> None:
    """Those of the job's group; where nobody is named, those of this visit."""
    job, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit, **plan(plan_people=people))
    assert decide(bench, bench.cast.leader, "accept", only_report(bench).id).outcome == "accepted"
    with bench.app.app_context():
        following = db.session.query(Visit).filter(Visit.job_id == job, Visit.id != visit).one()
        members = db.session.query(VisitMember).filter_by(visit_id=following.id).all()
        db.session.remove()
    in_order = sorted(members, key=lambda one: (not one.in_charge, one.user_id))
    assert [one.user_id for one in in_order] == expected
    assert following.technician_id == expected[0]


def test_d_job_7_names_in_the_plan_that_match_nobody_are_told_with_the_acceptance(bench: Bench) -> None:
    _, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit, **plan(plan_people="Tech2 Person, Somebody Else"))
    result = decide(bench, bench.cast.leader, "accept", only_report(bench).id)
    assert str((result.current or {})["note"]) == (
        "No technician of the group is called: Somebody Else. The next visit is planned for: Tech2 Person."
    )


def test_an_acceptance_with_nobody_unmatched_tells_nothing(bench: Bench) -> None:
    _, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit, **plan(plan_people="Tech2 Person and Tech Person"))
    result = decide(bench, bench.cast.leader, "accept", only_report(bench).id)
    assert "note" not in (result.current or {})


def test_d_job_11_another_visit_needs_a_reason_and_keeps_it(bench: Bench) -> None:
    _, visit = bench.make_job(state="working")
    refused = submit(bench, bench.cast.tech, visit, envelope={"schema": 2}, **plan(reason=None))
    assert (refused.outcome, list(refused.problems)) == ("rejected", ["reason"])
    assert submit(bench, bench.cast.tech, visit, envelope={"schema": 2}, **plan()).outcome == "accepted"
    assert only_report(bench).reason == "The board must be ordered"


def test_d_job_11_a_report_of_schema_1_says_why_by_its_cause(bench: Bench) -> None:
    _, visit = bench.make_job(state="working")
    sent = submit(bench, bench.cast.tech, visit, envelope={"schema": 1}, **plan(reason=None, cause="Board burnt"))
    assert sent.outcome == "accepted"
    assert only_report(bench).reason == "Board burnt"
