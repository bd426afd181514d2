"""A deputy decides for a principal from a moment to a moment, and nothing else (D-ROLE-2, ADR 40)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import Deputy, Membership
from fieldapp.services.approvals.models import Step
from tests.services.approvals.test_rounds import claim, decide, parts, seen
from tests.supply.parts.conftest import request_data
from tests.support.bench import LONG_AGO, Bench, Person


def morning(hour: int = 8) -> datetime:
    """Return that hour of tomorrow, at the place of business."""
    return clock.day_bounds(clock.today() + timedelta(days=1))[0] + timedelta(hours=hour)


def name(bench: Bench, principal: Person, deputy: Person, **more: Any) -> Any:
    record = str(ids.uuid7())
    data = {"id": record, "deputy_id": str(deputy.id), "reason": "Training"}
    data |= {"from_at": clock.iso(morning(8)), "to_at": clock.iso(morning(18)), **more}
    return bench.send(principal, "deputy.name", ("deputy", record), data), record


def now_deputy(bench: Bench, principal: Person, deputy: Person, **more: Any) -> str:
    span = {"from_at": clock.iso(clock.now()), "to_at": clock.iso(clock.now() + timedelta(hours=4))}
    result, record = name(bench, principal, deputy, **{**span, **more})
    assert result.outcome == "accepted"
    return str(record)


def steps_of(bench: Bench) -> list[tuple[int | None, int | None]]:
    with bench.app.app_context():
        rows = [tuple(row) for row in db.session.execute(select(Step.decided_by, Step.on_behalf_of))]
        db.session.remove()
    return rows


def at(moment: datetime) -> dict[str, Any]:
    return {"utc": clock.iso(moment), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 5}


@pytest.mark.parametrize(
    ("moment", "may"),
    [
        (morning(8) - timedelta(milliseconds=1), False),
        (morning(8), True),
        (morning(18) - timedelta(milliseconds=1), True),
        (morning(18), False),
    ],
)
def test_grants_of_a_deputy_hold_from_the_first_moment_to_the_last(bench: Bench, moment: datetime, may: bool) -> None:
    deputy = bench.cast.other_tech
    record = claim(bench, bench.cast.tech, "20.00")
    assert name(bench, bench.cast.leader, deputy)[0].outcome == "accepted"
    client = bench.client_of(deputy)
    with clock.standing_at(moment):
        assert bench.actor(deputy).can("expense_claim.approve") is may
        assert (f"case-{record}" in client.get("/inbox").text) is may
        base = seen(bench, "expense_claim", record)
        assert (decide(bench, deputy, "expense_claim", record, base=base).outcome == "accepted") is may


def test_decision_that_a_deputy_wrote_in_time_counts_when_it_arrives_later(bench: Bench) -> None:
    cast = bench.cast
    early, late = claim(bench, cast.tech, "20.00"), claim(bench, cast.tech, "30.00")
    name(bench, cast.leader, cast.other_tech)
    outcomes, ends = [], morning(18)
    bench.know_phone(cast.other_tech)
    with clock.standing_at(ends + timedelta(hours=1)):
        for record, written in ((early, ends - timedelta(minutes=1)), (late, ends)):
            base = seen(bench, "expense_claim", record)
            sent = decide(bench, cast.other_tech, "expense_claim", record, base=base, at=at(written))
            outcomes.append(sent.outcome)
    assert outcomes == ["accepted", "rejected"]


def test_a_decision_dated_before_its_round_was_opened_is_a_conflict(bench: Bench) -> None:
    cast = bench.cast
    bench.know_phone(cast.leader)
    record = claim(bench, cast.tech, "20.00")
    base, before = seen(bench, "expense_claim", record), clock.now() - timedelta(hours=3)
    assert decide(bench, cast.leader, "expense_claim", record, base=base, at=at(before)).code == "case.changed"
    assert decide(bench, cast.leader, "expense_claim", record, base=base).outcome == "accepted"


def test_a_deputy_for_one_type_of_record_sees_no_other(bench: Bench) -> None:
    cast = bench.cast
    assert bench.client_of(cast.tech2).get("/reimbursements").status_code == 403
    now_deputy(bench, cast.leader, cast.tech2)
    with bench.app.app_context():
        verbs = {principal.verbs for principal in bench.actor(cast.tech2).principals}
        db.session.remove()
    assert verbs
    for held in verbs:
        decided = {verb.partition(".")[0] for verb in held if not verb.endswith(".view")}
        assert {verb.partition(".")[0] for verb in held} == decided


@pytest.mark.parametrize("verb", ["approve", "return", "reject"])
def test_deputy_approves_returns_and_rejects_on_the_principals_behalf(bench: Bench, verb: str) -> None:
    cast = bench.cast
    now_deputy(bench, cast.leader, cast.other_tech)
    record = claim(bench, cast.tech, "20.00")
    page = bench.client_of(cast.other_tech).get("/inbox").text
    assert f"You decide this for {cast.leader.name}." in page
    base = seen(bench, "expense_claim", record)
    assert decide(bench, cast.other_tech, "expense_claim", record, verb, base=base).outcome == "accepted"
    assert steps_of(bench) == [(cast.other_tech.id, cast.leader.id)]
    shown = f"{cast.other_tech.name} for {cast.leader.name}"
    assert shown in bench.client_of(cast.tech).get(f"/expenses/claims/{record}").text
    with bench.app.app_context():
        kind = f"expense_claim.{verb}"
        receipt = db.session.scalars(select(Receipt).where(Receipt.kind == kind)).one()
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == kind)).one()
        assert (receipt.user_id, receipt.on_behalf_of) == (cast.other_tech.id, cast.leader.id)
        assert (entry.actor_id, entry.on_behalf_of) == (cast.other_tech.id, cast.leader.id)
        db.session.remove()


def test_principal_goes_on_deciding_in_their_own_name(bench: Bench) -> None:
    cast = bench.cast
    now_deputy(bench, cast.leader, cast.other_tech)
    record = claim(bench, cast.tech, "20.00")
    base = seen(bench, "expense_claim", record)
    assert decide(bench, cast.leader, "expense_claim", record, base=base).outcome == "accepted"
    assert steps_of(bench) == [(cast.leader.id, None)]
    second = decide(bench, cast.other_tech, "expense_claim", record, base=base)
    assert (second.outcome, second.code) == ("conflict", "case.closed")


def test_request_of_a_deputy_goes_to_the_next_one_up(bench: Bench) -> None:
    cast = bench.cast
    now_deputy(bench, cast.leader, cast.tech)
    record = claim(bench, cast.tech, "20.00")
    base = seen(bench, "expense_claim", record)
    for who, outcome in ((cast.tech, "rejected"), (cast.leader, "rejected"), (cast.manager, "accepted")):
        assert decide(bench, who, "expense_claim", record, base=base).outcome == outcome


def test_deputies_of_each_other_pass_nothing_on(bench: Bench) -> None:
    cast = bench.cast
    now_deputy(bench, cast.manager, cast.leader)
    now_deputy(bench, cast.leader, cast.tech2)
    now_deputy(bench, cast.leader, cast.manager)
    assert [one.id for one in bench.actor(cast.tech2).principals] == [cast.leader.id]
    assert bench.actor(cast.tech2).roles == {"technician", "leader"}
    assert bench.send(cast.tech2, "deputy.name", ("deputy", str(ids.uuid7())), {}).outcome == "rejected"


def test_deputy_for_one_kind_of_record_decides_no_other(bench: Bench) -> None:
    cast = bench.cast
    now_deputy(bench, cast.leader, cast.other_leader, about="parts_request")
    money, things = claim(bench, cast.tech, "20.00"), parts(bench, cast.tech, "1", "20.00")
    page = bench.client_of(cast.other_leader).get("/inbox").text
    assert (f"case-{money}" in page, f"case-{things}" in page) == (False, True)
    outcomes = [
        decide(bench, cast.other_leader, kind, record, base=seen(bench, kind, record)).outcome
        for kind, record in (("expense_claim", money), ("parts_request", things))
    ]
    assert outcomes == ["rejected", "accepted"]


def test_nobody_takes_two_steps_of_one_case_also_not_as_a_deputy(bench: Bench) -> None:
    cast = bench.cast
    now_deputy(bench, cast.purchasing, cast.leader)
    record = parts(bench, cast.tech, "1", "900.00")
    first, second = (seen(bench, "parts_request", record, step) for step in (0, 1))
    assert decide(bench, cast.leader, "parts_request", record, base=first).outcome == "accepted"
    assert f"case-{record}" not in bench.client_of(cast.leader).get("/inbox").text
    assert decide(bench, cast.leader, "parts_request", record, base=second).outcome != "accepted"
    assert decide(bench, cast.purchasing, "parts_request", record, base=second).outcome == "accepted"


def test_step_left_to_an_earlier_decider_goes_one_up(bench: Bench) -> None:
    cast = bench.cast
    with bench.app.app_context(), writing() as session:
        held = select(Membership).where(Membership.user_id == cast.purchasing.id)
        session.scalars(held).one().until_on = clock.today()
        session.add(Membership(user_id=cast.leader.id, role="purchasing", from_on=LONG_AGO))
    record = parts(bench, cast.tech, "1", "900.00")
    base = seen(bench, "parts_request", record)
    assert decide(bench, cast.leader, "parts_request", record, base=base).outcome == "accepted"
    with bench.app.app_context():
        steps = [(step.role, step.why) for step in db.session.scalars(select(Step).order_by(Step.position))]
        db.session.remove()
    assert steps[:2] == [("leader", None), ("manager", "decided")]
    assert f"case-{record}" in bench.client_of(cast.manager).get("/inbox").text


def test_deputy_does_nothing_but_decide_for_the_principal(bench: Bench) -> None:
    cast = bench.cast
    job, _ = bench.make_job()
    now_deputy(bench, cast.manager, cast.other_tech)
    now_deputy(bench, cast.leader, cast.other_tech)
    record = str(ids.uuid7())
    data = request_data(record, job_id=job)
    asked = [
        bench.send(who, "parts_request.submit", ("parts_request", record), data)
        for who in (cast.other_tech, cast.leader)
    ]
    assert [result.outcome for result in asked] == ["rejected", "accepted"]
    assert bench.send(cast.other_tech, "job.cancel", ("job", job), {"reason": "x"}).outcome == "rejected"
    assert bench.client_of(cast.other_tech).get(f"/jobs/{job}").status_code == 200


def test_deputy_is_named_ended_and_shown_on_screens(bench: Bench) -> None:
    cast = bench.cast
    client = bench.client_of(cast.leader)
    span = {"from_at": "2100-01-01T08:00", "to_at": "2100-01-01T07:00"}
    form = {"_op": str(ids.uuid7()), "id": str(ids.uuid7()), "deputy_id": str(cast.tech2.id), "reason": "Training"}
    assert client.post("/me/deputy/new", data={**form, **span}).status_code == 422
    local = clock.local(clock.now())
    span = {"from_at": f"{local:%Y-%m-%dT%H:%M}", "to_at": f"{local + timedelta(hours=2):%Y-%m-%dT%H:%M}"}
    form["_op"] = str(ids.uuid7())
    assert client.post("/me/deputy/new", data={**form, **span}).status_code == 303
    assert f"{cast.tech2.name} decides for you" in client.get("/me/deputy").text
    assert f"{cast.tech2.name} decides for you" in client.get("/inbox").text
    other = bench.client_of(cast.tech2)
    assert f"You decide for {cast.leader.name}" in other.get("/inbox").text
    with bench.app.app_context():
        record = str(db.session.scalars(select(Deputy.id)).one())
        db.session.remove()
    assert bench.send(cast.tech2, "deputy.end", ("deputy", record), {}).outcome == "rejected"
    assert client.post(f"/me/deputy/{record}/end", data={"_op": str(ids.uuid7())}).status_code == 303
    assert f"You decide for {cast.leader.name}:" not in other.get("/inbox").text
    assert bench.actor(cast.tech2).principals == ()
    assert "ended early" in client.get("/me/deputy").text
    again = bench.send(cast.leader, "deputy.end", ("deputy", record), {})
    assert (again.outcome, again.code) == ("conflict", "deputy.over")


@pytest.mark.parametrize(
    ("who", "more", "field"),
    [
        ("leader", {"to_at": clock.iso(morning(8))}, "to_at"),
        ("leader", {"from_at": clock.iso(morning(8) - timedelta(days=9))}, "from_at"),
        ("leader", {"deputy_id": "4"}, "deputy_id"),
        ("leader", {"deputy_id": "99"}, "deputy_id"),
        ("leader", {"group_id": "2"}, "group_id"),
        ("purchasing", {"about": "service_report"}, "about"),
        ("tech", {}, "_"),
    ],
)
def test_deputy_that_cannot_be_is_refused_at_its_field(
    bench: Bench, who: str, more: dict[str, str], field: str
) -> None:
    result, _ = name(bench, getattr(bench.cast, who), bench.cast.tech2, **more)
    assert (result.outcome, list(result.problems)) == ("rejected", [field])
