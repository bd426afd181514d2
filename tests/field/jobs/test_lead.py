"""What the leader does to a job under way, through the door, and what becomes of work on site (D-JOB-10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.field.jobs.models import Job, Visit, VisitEvent, VisitMember
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import plain
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db
from tests.field.reports.sheets import sheet
from tests.support.audit import logged
from tests.support.bench import LONG_AGO

WHY = {"reason": "The customer called it off."}


@pytest.fixture
def told(read: Any) -> Any:
    """`told(person)` → kinds of notices, the oldest first."""
    return lambda person: [
        row[0] for row in read(select(Notice.kind).where(Notice.user_id == person.id).order_by(Notice.id))
    ]


# -- cancelling and taking it back -----------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["assigned", "accepted", "en_route", "on_site", "working", "paused", "returned"])
def test_a_job_is_cancelled_with_its_open_visits(
    cast: Any, send: Any, make_job: Any, state_of: Any, told: Any, before: str
) -> None:
    job, visit = make_job(cast.tech, state=before, others=(cast.tech2,))
    result = send(cast.leader, "job.cancel", ("job", job), WHY)
    assert result.outcome == "accepted"
    assert state_of(visit) == ("cancelled", "cancelled")
    assert told(cast.tech) == told(cast.tech2) == ["visit.cancelled"]
    again = send(cast.leader, "job.cancel", ("job", job), WHY)
    assert again.outcome == "accepted"
    assert told(cast.tech) == ["visit.cancelled"]


def test_a_cancellation_is_taken_back(cast: Any, send: Any, make_job: Any, state_of: Any, told: Any) -> None:
    job, visit = make_job(cast.tech, state="en_route")
    send(cast.leader, "job.cancel", ("job", job), WHY)
    assert send(cast.leader, "job.restore", ("job", job), {}).outcome == "accepted"
    assert state_of(visit) == ("assigned", "planned")
    assert told(cast.tech) == ["visit.cancelled", "visit.restored"]
    assert send(cast.leader, "job.restore", ("job", job), {}).outcome == "accepted"
    assert send(cast.leader, "job.cancel", ("job", job), WHY).outcome == "accepted"
    assert state_of(visit) == ("cancelled", "cancelled")


def test_a_visit_called_off_by_itself_stays_so(cast: Any, send: Any, make_job: Any, state_of: Any) -> None:
    job, visit = make_job(cast.tech)
    assert send(cast.leader, "visit.cancel", ("visit", visit), WHY).outcome == "accepted"
    assert state_of(visit) == ("cancelled", "new")
    assert send(cast.leader, "visit.cancel", ("visit", visit), WHY).outcome == "accepted"
    send(cast.leader, "job.cancel", ("job", job), WHY)
    send(cast.leader, "job.restore", ("job", job), {})
    assert state_of(visit) == ("cancelled", "new")


@pytest.mark.parametrize(("state", "job_state", "code"), [("reported", "in_progress", "job.report_waits")])
def test_what_waits_for_the_leader_is_decided_first(
    cast: Any, send: Any, make_job: Any, state: str, job_state: str, code: str
) -> None:
    job, _ = make_job(cast.tech, state=state, **{})
    result = send(cast.leader, "job.cancel", ("job", job), WHY)
    assert (result.outcome, result.code) == ("conflict", code)


@pytest.mark.parametrize("over", ["solved", "closed"])
def test_a_job_that_is_done_is_not_cancelled(cast: Any, app: Any, send: Any, make_job: Any, over: str) -> None:
    from fieldapp.platform.commandbus import writing

    job, _ = make_job(cast.tech, state="accepted_by_leader")
    with app.app_context():
        with writing() as session:
            session.get_one(Job, job).state = over
        db.session.remove()
    assert send(cast.leader, "job.cancel", ("job", job), WHY).code == "job.over"


@pytest.mark.parametrize("kind", ["job.cancel", "job.restore", "visit.cancel", "visit.reassign", "job.change"])
@pytest.mark.parametrize("who", ["tech", "other_leader", "manager", "agent", "admin"])
def test_only_the_groups_leader_leads(cast: Any, send: Any, make_job: Any, kind: str, who: str) -> None:
    job, visit = make_job(cast.tech)
    agg = ("visit", visit) if kind.startswith("visit") else ("job", job)
    data = {
        "visit.reassign": {"technician_id": str(cast.tech2.id)},
        "job.restore": {},
        "job.change": {"title": "x", "urgency": "normal"},
    }.get(kind, WHY)
    assert send(getattr(cast, who), kind, agg, data).outcome == "rejected"


def test_a_reason_is_needed(cast: Any, send: Any, make_job: Any) -> None:
    job, _ = make_job(cast.tech)
    result = send(cast.leader, "job.cancel", ("job", job), {})
    assert (result.outcome, set(result.problems)) == ("rejected", {"reason"})


# -- giving to somebody else -----------------------------------------------------------------------------------


def test_a_visit_goes_to_somebody_else(
    cast: Any, send: Any, make_job: Any, state_of: Any, read: Any, told: Any
) -> None:
    _, visit = make_job(cast.tech, state="en_route")
    data = {"technician_id": str(cast.tech2.id), "reason": "Nearer"}
    assert send(cast.leader, "visit.reassign", ("visit", visit), data).outcome == "accepted"
    assert state_of(visit) == ("assigned", "planned")
    rows = read(select(VisitMember.user_id, VisitMember.in_charge, VisitMember.removed_at.is_(None)))
    assert sorted(rows) == [(cast.tech.id, False, False), (cast.tech2.id, True, True)]
    assert read(select(VisitEvent.kind, VisitEvent.reason)) == [("reassign", "Tech2 Person · Nearer")]
    assert (told(cast.tech), told(cast.tech2)) == (["visit.given_away"], ["visit.planned"])
    back = {"technician_id": str(cast.tech.id), "second_id": str(cast.tech2.id)}
    assert send(cast.leader, "visit.reassign", ("visit", visit), back).outcome == "accepted"
    rows = read(select(VisitMember.user_id, VisitMember.in_charge, VisitMember.removed_at.is_(None)))
    assert sorted(rows) == [(cast.tech.id, True, True), (cast.tech2.id, False, True)]


def test_not_to_the_same_nor_to_another_group(cast: Any, send: Any, make_job: Any) -> None:
    _, visit = make_job(cast.tech)
    for person in (cast.tech, cast.other_tech, cast.hr):
        result = send(cast.leader, "visit.reassign", ("visit", visit), {"technician_id": str(person.id)})
        assert (result.outcome, set(result.problems)) == ("rejected", {"technician_id"})


@pytest.mark.parametrize("state", ["reported", "returned", "accepted_by_leader", "refused", "cancelled"])
def test_what_is_over_is_given_to_nobody(cast: Any, send: Any, make_job: Any, state: str) -> None:
    _, visit = make_job(cast.tech, state=state)
    result = send(cast.leader, "visit.reassign", ("visit", visit), {"technician_id": str(cast.tech2.id)})
    assert (result.outcome, result.code) == ("conflict", "visit.over")


# -- late work -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancel", "reassign"])
def test_50_what_was_done_on_site_meanwhile_arrives_and_moves_nothing(
    cast: Any, send: Any, bench: Any, make_job: Any, state_of: Any, read: Any, told: Any, how: str
) -> None:
    job, visit = make_job(cast.tech, state="accepted")
    # The technician is without signal and works on.
    taps = [bench.envelope(cast.tech, f"visit.{verb}", ("visit", visit), {}) for verb in ("set_out", "arrive", "start")]
    data = sheet(visit)
    report = bench.envelope(cast.tech, "service_report.submit", ("service_report", data["id"]), data)
    if how == "cancel":
        send(cast.leader, "job.cancel", ("job", job), WHY)
        left = ("cancelled", "cancelled")
    else:
        send(cast.leader, "visit.reassign", ("visit", visit), {"technician_id": str(cast.tech2.id)})
        left = ("assigned", "planned")
    results = bench.push(cast.tech, *taps, report)
    assert [one.outcome for one in results] == ["accepted"] * 4
    assert state_of(visit) == left
    late = read(select(VisitEvent.kind).where(VisitEvent.late, VisitEvent.user_id == cast.tech.id))
    assert {row[0] for row in late} == {"set_out", "arrive", "start", "report"}
    said = {"cancel": "cancelled", "reassign": "reassigned"}[how]
    assert told(cast.leader) == ["visit.late", f"service_report.late_{said}"]
    # The technician's own outbox says it with the receipt.
    assert "late work" in results[0].current["note"]
    assert "late work" in results[3].current["note"]


# -- changing --------------------------------------------------------------------------------------------------


def _seen(read: Any, job: str, visit: str) -> dict[str, Any]:
    row = read(select(Job.title, Job.fault_description, Job.urgency).where(Job.id == job))[0]
    of_visit = read(select(Visit.planned_start, Visit.planned_minutes).where(Visit.id == visit))[0]
    names = ("title", "said", "urgency", "planned_start", "planned_minutes")
    return {name: plain(value) for name, value in zip(names, [*row, *of_visit], strict=True)}


def test_a_job_is_changed_and_its_people_are_told(cast: Any, send: Any, make_job: Any, read: Any, told: Any) -> None:
    job, visit = make_job(cast.tech)
    seen = _seen(read, job, visit)
    start = clock.local(clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT10:00")
    data = {**seen, "visit_id": visit, "planned_start": start, "urgency": "emergency"}
    result = send(cast.leader, "job.change", ("job", job), data, base={"ver": 1, "fields": seen})
    assert result.outcome == "accepted"
    assert _seen(read, job, visit) == {**seen, "planned_start": start, "urgency": "emergency"}
    assert told(cast.tech) == ["job.changed"]
    assert read(select(Visit.ver, Job.ver).join(Job, Job.id == Visit.job_id)) == [(2, 2)]


def test_51_the_office_has_the_last_word_and_the_wish_is_kept(
    cast: Any, bench: Any, send: Any, make_job: Any, read: Any, told: Any, app: Any
) -> None:
    from fieldapp.platform.commandbus import writing
    from fieldapp.services.accounts.models import Membership

    job, visit = make_job(cast.tech)
    with app.app_context():
        with writing() as session:
            session.add(Membership(user_id=cast.manager.id, role="leader", group_id=cast.group, from_on=LONG_AGO))
        db.session.remove()
    seen = _seen(read, job, visit)
    base = {"ver": 1, "fields": seen}
    send(cast.manager, "job.change", ("job", job), {**seen, "visit_id": visit, "title": "First"}, base=base)
    mine = {**seen, "visit_id": visit, "title": "Second", "said": "It beeps."}
    result = send(cast.leader, "job.change", ("job", job), mine, base=base)
    assert result.outcome == "accepted"
    assert result.current == {"note": "Title stays as the office has it: First."}
    assert _seen(read, job, visit) == {**seen, "title": "First", "said": "It beeps."}
    assert told(cast.leader) == ["job.not_changed"]
    with bench.app.app_context():
        last = logged()[-1].after
        db.session.remove()
    assert last == {"said": "It beeps.", "not_applied": {"title": "Second"}}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"urgency": "whenever"}, "urgency"),
        ({"planned_start": ""}, "planned_start"),
        ({"planned_start": "2001-01-01T10:00"}, "planned_start"),
        ({"planned_minutes": "1"}, "planned_minutes"),
    ],
)
def test_bad_input_is_named(cast: Any, send: Any, make_job: Any, read: Any, change: dict[str, Any], field: str) -> None:
    job, visit = make_job(cast.tech)
    seen = _seen(read, job, visit)
    data = {**seen, "visit_id": visit, **change}
    result = send(cast.leader, "job.change", ("job", job), data, base={"ver": 1, "fields": seen})
    assert (result.outcome, set(result.problems)) == ("rejected", {field})


def test_the_time_of_a_visit_that_is_over_stays(cast: Any, send: Any, make_job: Any, read: Any) -> None:
    job, visit = make_job(cast.tech, state="reported")
    seen = _seen(read, job, visit)
    base = {"ver": 1, "fields": seen}
    assert send(cast.leader, "job.change", ("job", job), {**seen, "visit_id": visit}, base=base).outcome == "accepted"
    moved = {**seen, "visit_id": visit, "planned_minutes": "90"}
    assert send(cast.leader, "job.change", ("job", job), moved, base=base).code == "visit.over"


def test_a_visit_of_another_job_is_not_changed(cast: Any, send: Any, make_job: Any, read: Any) -> None:
    job, visit = make_job(cast.tech)
    _, other = make_job(cast.tech)
    seen = _seen(read, job, visit)
    result = send(cast.leader, "job.change", ("job", job), {**seen, "visit_id": other})
    assert (result.outcome, result.code) == ("rejected", "visit.not_found")
