"""A decision counts for the round and version that its author saw (D-ROLE-4, failure mode 51)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.field.reports.models import ServiceReport
from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim
from fieldapp.platform.commandbus import Result, writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.extension_points import detail_url
from fieldapp.services.accounts.models import Membership, User
from fieldapp.services.approvals import cases_of
from fieldapp.services.approvals.decisions import SUBJECTS
from fieldapp.services.approvals.models import Case, Step
from fieldapp.services.devices import Device
from fieldapp.supply.parts.models import PartsRequest
from tests.field.reports.sheets import OTHER_STROKES, sheet
from tests.money.expenses.conftest import item_data
from tests.supply.parts.conftest import request_data
from tests.support.bench import DEVICE, LONG_AGO, Bench, Person

TABLES = {"expense_claim": ExpenseClaim, "parts_request": PartsRequest, "service_report": ServiceReport}
YES = {"expense_claim": "approve", "parts_request": "approve", "service_report": "accept"}


def case_of(bench: Bench, kind: str, record: str) -> Case:
    with bench.app.app_context():
        try:
            return cases_of(kind, [record])[record]
        finally:
            db.session.remove()


def seen(bench: Bench, kind: str, record: str, step: int = 0) -> dict[str, Any]:
    """What a page made now lets a decision name."""
    case = case_of(bench, kind, record)
    return {"ver": case.ver, "fields": {"round": case.round, "step": step}}


def state_of(bench: Bench, kind: str, record: str) -> str:
    with bench.app.app_context():
        try:
            return str(db.session.get_one(TABLES[kind], record).state)
        finally:
            db.session.remove()


def decide(bench: Bench, who: Person, kind: str, record: str, verb: str = "", **envelope: Any) -> Result:
    verb = verb or YES[kind]
    data = {} if verb == YES[kind] else {"reason": "no"}
    return bench.send(who, f"{kind}.{verb}", (kind, record), data, **envelope)


def claim(bench: Bench, who: Person, amount: str) -> str:
    item, record = str(ids.uuid7()), str(ids.uuid7())
    bench.send(who, "expense_item.capture", ("expense_item", item), item_data(item, amount=amount))
    data = {"id": record, "items": [item]}
    assert bench.send(who, "expense_claim.submit", ("expense_claim", record), data).outcome == "accepted"
    return record


def claim_again(bench: Bench, who: Person, record: str, amount: str) -> Result:
    """Correct the only expense of a returned claim and send the claim again."""
    with bench.app.app_context():
        case = cases_of("expense_claim", [record])[record]
        item = str(case.shown["items"][0]["id"]) if case.shown else ""
        db.session.remove()
    data = item_data(item, amount=amount)
    assert bench.send(who, "expense_item.resubmit", ("expense_item", item), data).outcome == "accepted"
    return bench.send(who, "expense_claim.submit", ("expense_claim", record), {"id": record, "items": [item]})


def parts(bench: Bench, who: Person, qty: str, price: str) -> str:
    record = str(ids.uuid7())
    lines = [{"name": "Probe", "qty": qty, "unit_price": price}]
    data = request_data(record, lines=lines)
    assert bench.send(who, "parts_request.submit", ("parts_request", record), data).outcome == "accepted"
    return record


def parts_again(bench: Bench, who: Person, record: str, qty: str, price: str) -> Result:
    data = request_data(record, lines=[{"name": "Probe", "qty": qty, "unit_price": price}])
    del data["id"]
    return bench.send(who, "parts_request.resubmit", ("parts_request", record), data)


def report(bench: Bench, who: Person, fee: str) -> str:
    _, visit = bench.make_job(state="working")
    data = sheet(visit, fee_amount=fee, fee_method="cash")
    assert bench.send(who, "service_report.submit", ("service_report", data["id"]), data).outcome == "accepted"
    return str(data["id"])


def report_again(bench: Bench, who: Person, record: str, fee: str) -> Result:
    data = sheet("-", fee_amount=fee, fee_method="cash", signature=OTHER_STROKES)
    del data["id"], data["visit_id"]
    return bench.send(who, "service_report.resubmit", ("service_report", record), data)


#: How each kind is made and sent again, and what must be said of the difference.
CASES: dict[str, tuple[Callable[[Bench], str], Callable[[Bench, str], Result], list[str]]] = {
    "expense_claim": (
        lambda bench: claim(bench, bench.cast.tech, "10.00"),
        lambda bench, record: claim_again(bench, bench.cast.tech, record, "9000.00"),
        ["Amount: 10.00 → 9,000.00"],
    ),
    "parts_request": (
        lambda bench: parts(bench, bench.cast.tech, "1", "20.00"),
        lambda bench, record: parts_again(bench, bench.cast.tech, record, "999", "499.99"),
        ["Amount: 20.00 → 499,490.01", "Item: Probe 1 × 20.00 → Probe 999 × 499.99"],
    ),
    "service_report": (
        lambda bench: report(bench, bench.cast.tech, "80.00"),
        lambda bench, record: report_again(bench, bench.cast.tech, record, "8000.00"),
        ["Fee collected: 80.00 → 8,000.00", "Customer's signature: replaced"],
    ),
}


def test_every_kind_that_is_decided_upon_is_tried_here(bench: Bench) -> None:
    decided = {kind.partition(".")[0] for kind in bench.app.extensions["commands"]}
    # The sample's subject is known to the process once its test ran.
    assert set(SUBJECTS) & decided == set(CASES)


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("verb", ["yes", "return"])
def test_decision_about_an_earlier_round_is_a_conflict_that_says_what_changed(
    bench: Bench, kind: str, verb: str
) -> None:
    make, again, told = CASES[kind]
    record = make(bench)
    old = seen(bench, kind, record)
    assert decide(bench, bench.cast.leader, kind, record, "return", base=old).outcome == "accepted"
    assert again(bench, record).outcome == "accepted"
    result = decide(bench, bench.cast.leader, kind, record, "" if verb == "yes" else verb, base=old)
    assert (result.outcome, result.code) == ("conflict", "case.changed")
    assert [words for words in told if words not in result.problems["_"]] == []
    assert result.current is not None
    assert result.current["decision"]["url"].startswith(f"/inbox/{kind}/{record}/")
    assert state_of(bench, kind, record) == "submitted"
    assert decide(bench, bench.cast.leader, kind, record, base=seen(bench, kind, record)).outcome == "accepted"


@pytest.mark.parametrize("kind", CASES)
def test_envelope_of_an_earlier_build_counts_only_for_a_round_open_when_it_was_written(bench: Bench, kind: str) -> None:
    make, again, told = CASES[kind]
    record = make(bench)
    frozen = bench.envelope(bench.cast.leader, f"{kind}.{YES[kind]}", (kind, record), {})
    later = clock.now() + timedelta(minutes=5)
    with clock.standing_at(later):
        assert decide(bench, bench.cast.leader, kind, record, "return").outcome == "accepted"
        assert again(bench, record).outcome == "accepted"
        result = bench.push(bench.cast.leader, frozen)[0]
        assert (result.outcome, result.code) == ("conflict", "case.changed")
        assert [words for words in told if words not in result.problems["_"]] == []
        assert decide(bench, bench.cast.leader, kind, record).outcome == "accepted"


def test_envelope_of_an_earlier_build_whose_clock_is_in_doubt_counts_for_no_round(bench: Bench) -> None:
    """Its time is all that says which round it is about, and that time is later than the one it was written at."""
    leader, record = bench.cast.leader, claim(bench, bench.cast.tech, "10.00")
    now, seen_on = clock.now(), {"build": "", "display_mode": "", "clock_offset_ms": 0}
    with bench.app.app_context():
        with writing() as session:
            session.add(
                Device(dev=DEVICE, ep="0a1b2c3d", user_id=leader.id, first_seen_at=now, last_seen_at=now, **seen_on)
            )
        db.session.remove()
    at = {"utc": clock.iso(now), "tz": "UTC", "offset_ms": 600_000, "offset_age_s": 5}
    frozen = bench.envelope(leader, "expense_claim.approve", ("expense_claim", record), {}, at=at)
    with clock.standing_at(now + timedelta(minutes=5)):
        assert decide(bench, leader, "expense_claim", record, "return").outcome == "accepted"
        assert claim_again(bench, bench.cast.tech, record, "9000.00").outcome == "accepted"
    with clock.standing_at(now + timedelta(minutes=12)):
        result = bench.push(leader, frozen)[0]
    assert (result.outcome, result.code) == ("conflict", "case.changed")
    assert state_of(bench, "expense_claim", record) == "submitted"


def test_order_of_arrival_does_not_matter(bench: Bench) -> None:
    """The old yes, the return and the new version in every order that the server can take them in."""
    cast = bench.cast
    record = claim(bench, cast.tech, "10.00")
    old = seen(bench, "expense_claim", record)
    yes = bench.envelope(cast.leader, "expense_claim.approve", ("expense_claim", record), {}, base=old)
    assert decide(bench, cast.leader, "expense_claim", record, "return", base=old).outcome == "accepted"
    closed = bench.push(cast.leader, yes)[0]
    assert (closed.outcome, closed.code) == ("conflict", "case.closed")
    claim_again(bench, cast.tech, record, "9000.00")
    assert (bench.push(cast.leader, yes)[0].outcome, state_of(bench, "expense_claim", record)) == (
        "conflict",
        "submitted",
    )


def test_two_leaders_decide_the_same_round_and_the_second_hears_of_it(bench: Bench) -> None:
    cast = bench.cast
    with bench.app.app_context(), writing() as session:
        session.add(Membership(user_id=cast.other_leader.id, group_id=cast.group, role="leader", from_on=LONG_AGO))
    record = claim(bench, cast.tech, "10.00")
    base = seen(bench, "expense_claim", record)
    assert decide(bench, cast.leader, "expense_claim", record, "return", base=base).outcome == "accepted"
    claim_again(bench, cast.tech, record, "9000.00")
    second = decide(bench, cast.other_leader, "expense_claim", record, base=base)
    assert (second.outcome, second.code) == ("conflict", "case.changed")
    assert decide(bench, cast.leader, "expense_claim", record, base=seen(bench, "expense_claim", record)).outcome == (
        "accepted"
    )
    third = decide(bench, cast.other_leader, "expense_claim", record, base=base)
    assert (third.outcome, third.code) == ("conflict", "case.closed")


@pytest.mark.parametrize(
    ("kind", "verb"), [("expense_claim", "return"), ("parts_request", "reject"), ("service_report", "accept")]
)
def test_a_decision_that_comes_too_late_hears_who_decided_what_and_where(bench: Bench, kind: str, verb: str) -> None:
    cast = bench.cast
    with bench.app.app_context(), writing() as session:
        session.add(Membership(user_id=cast.other_leader.id, group_id=cast.group, role="leader", from_on=LONG_AGO))
        name = session.get(User, cast.leader.id).name
    record = CASES[kind][0](bench)
    assert decide(bench, cast.leader, kind, record, verb).outcome == "accepted"
    late = decide(bench, cast.other_leader, kind, record)
    assert (late.outcome, late.code) == ("conflict", "case.closed")
    words = late.problems["_"][0]
    assert words.startswith(f"{name} ")
    assert words.endswith("Reason: no") == (verb in {"return", "reject"})
    assert late.current is not None
    assert late.current["taken"] is True
    with bench.app.app_context():
        assert late.current["url"] == detail_url(kind, record, False)


def test_those_who_could_not_decide_do_not_hear_who_did(bench: Bench) -> None:
    record = claim(bench, bench.cast.tech, "10.00")
    assert decide(bench, bench.cast.leader, "expense_claim", record, "return").outcome == "accepted"
    late = decide(bench, bench.cast.other_leader, "expense_claim", record)
    assert late.problems["_"] == ["This was already decided."]
    assert "url" not in (late.current or {})


def test_a_step_that_somebody_else_took_is_a_conflict(bench: Bench) -> None:
    cast = bench.cast
    with bench.app.app_context(), writing() as session:
        session.add(Membership(user_id=cast.finance.id, role="purchasing", from_on=LONG_AGO))
    record = parts(bench, cast.tech, "1", "900.00")
    assert decide(bench, cast.leader, "parts_request", record, base=seen(bench, "parts_request", record)).outcome == (
        "accepted"
    )
    base = seen(bench, "parts_request", record, step=1)
    assert decide(bench, cast.purchasing, "parts_request", record, base=base).outcome == "accepted"
    second = decide(bench, cast.finance, "parts_request", record, base=base)
    assert (second.outcome, second.code) == ("conflict", "case.step_taken")
    assert state_of(bench, "parts_request", record) == "approved_by_purchasing"


def test_other_groups_learn_nothing_from_a_wrong_round(bench: Bench) -> None:
    record = claim(bench, bench.cast.tech, "10.00")
    base = {"ver": 7, "fields": {"round": 9, "step": 0}}
    result = decide(bench, bench.cast.other_leader, "expense_claim", record, base=base)
    assert (result.outcome, result.current) == ("rejected", None)


@pytest.mark.parametrize("fields", [{"round": "1", "step": 0}, {"round": 1}, {"round": None, "step": None}], ids=repr)
def test_a_round_that_is_no_number_is_another_round(bench: Bench, fields: dict[str, Any]) -> None:
    record = claim(bench, bench.cast.tech, "10.00")
    result = decide(bench, bench.cast.leader, "expense_claim", record, base={"ver": 1, "fields": fields})
    assert (result.outcome, result.code) == ("conflict", "case.changed")


@pytest.mark.parametrize("kind", CASES)
def test_every_form_that_decides_carries_what_was_seen(bench: Bench, client_of: Any, kind: str) -> None:
    record = CASES[kind][0](bench)
    expected = seen(bench, kind, record)
    client = client_of(bench.cast.leader)
    with bench.app.app_context():
        place = detail_url(kind, record, False)
    verbs = [verb for verb in ("approve", "accept", "return", "reject") if f"{kind}.{verb}" in commands(bench)]
    found = 0
    for path in ("/inbox", place, *(f"/inbox/{kind}/{record}/{verb}" for verb in verbs)):
        page = client.get(path).text
        for form in re.findall(rf'<form[^>]*data-op="{kind}\.(?:{"|".join(verbs)})".*?</form>', page, re.S):
            given = re.search(r'data-base="([^"]*)"', form)
            posted = re.search(r'name="_base" value="([^"]*)"', form)
            assert given, form
            assert posted, form
            assert json.loads(html.unescape(given[1])) == json.loads(html.unescape(posted[1])) == expected
            found += 1
    assert found >= 2 * len(verbs)


def commands(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.app.extensions["commands"]
    return found


def test_a_page_left_open_on_a_desk_decides_nothing_new(bench: Bench, client_of: Any) -> None:
    cast = bench.cast
    record = claim(bench, cast.tech, "10.00")
    client = client_of(cast.leader)
    url = f"/inbox/expense_claim/{record}/approve"
    open_page = client.get(url).text
    assert decide(bench, cast.leader, "expense_claim", record, "return").outcome == "accepted"
    claim_again(bench, cast.tech, record, "9000.00")

    def post(page: str) -> Any:
        hidden = dict(re.findall(r'name="(_\w+)" value="([^"]*)"', page))
        return client.post(url, data={name: html.unescape(value) for name, value in hidden.items()})

    refused = post(open_page)
    assert refused.status_code == 409
    assert "Amount: 10.00 → 9,000.00" in refused.text
    assert state_of(bench, "expense_claim", record) == "submitted"
    assert post(refused.text).status_code == 303
    assert state_of(bench, "expense_claim", record) == "approved"


def test_the_card_of_a_later_round_says_what_changed(bench: Bench, client_of: Any) -> None:
    record = claim(bench, bench.cast.tech, "10.00")
    decide(bench, bench.cast.leader, "expense_claim", record, "return")
    claim_again(bench, bench.cast.tech, record, "9000.00")
    assert "Amount: 10.00 → 9,000.00" in client_of(bench.cast.leader).get("/inbox").text


def test_an_inbox_of_requests_sent_again_asks_as_often_as_one_of_few(
    bench: Bench, client_of: Any, queries: Any
) -> None:
    jobs = [bench.make_job()[0] for _ in range(20)]
    lines = [{"name": "Probe", "qty": "1", "unit_price": "20.00"}]
    for number, job in enumerate(jobs):
        record = str(ids.uuid7())
        data = request_data(record, lines=lines, job_id=job)
        assert (
            bench.send(bench.cast.tech, "parts_request.submit", ("parts_request", record), data).outcome == "accepted"
        )
        assert decide(bench, bench.cast.leader, "parts_request", record, "return").outcome == "accepted"
        # Each for another job than before, so that the job is among what changed.
        again = request_data(record, lines=lines, job_id=jobs[number - 1])
        del again["id"]
        sent = bench.send(bench.cast.tech, "parts_request.resubmit", ("parts_request", record), again)
        assert sent.outcome == "accepted"
    client = client_of(bench.cast.leader)
    client.get("/inbox")
    with queries() as counted:
        page = client.get("/inbox").text
    assert page.count("Job: ") == 20
    assert counted.count <= 12, counted.statements


def test_a_decision_in_conflict_does_not_cover_its_card(bench: Bench, client_of: Any) -> None:
    claim(bench, bench.cast.tech, "10.00")
    page = client_of(bench.cast.leader).get("/inbox").text
    pieces = re.findall(r'<template data-pending="expense_claim\.approve"[^>]*>', page)
    by_mode = {re.search(r'data-mode="(\w+)"', one)[1]: re.search(r'data-states="([^"]+)"', one)[1] for one in pieces}  # type: ignore[index]
    assert by_mode == {"replace": "saved sending held accepted parked", "prepend": "rejected conflict"}


def test_the_kept_inbox_is_another_page_when_one_goes_and_one_comes(bench: Bench) -> None:
    def kept() -> str:
        return bench.pack_of(bench.cast.leader)["/inbox"]

    first = claim(bench, bench.cast.tech, "10.00")
    versions = [kept()]
    assert kept() == versions[0]
    decide(bench, bench.cast.leader, "expense_claim", first, "return")
    second = claim(bench, bench.cast.tech2, "20.00")
    versions.append(kept())
    decide(bench, bench.cast.leader, "expense_claim", second, "return")
    claim_again(bench, bench.cast.tech2, second, "30.00")
    versions.append(kept())
    assert len(set(versions)) == 3


def test_fifty_races_of_a_decision_with_withdrawing_and_sending_again(bench: Bench) -> None:
    """The leader's yes for 10.00 against the author who takes back and sends 9,000.00: never applied to the other."""
    cast, rounds = bench.cast, 50
    outcomes = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            record = parts(bench, cast.tech, "1", "20.00")
            base = seen(bench, "parts_request", record)
            back = bench.envelope(
                cast.leader, "parts_request.return", ("parts_request", record), {"reason": "no"}, base=base
            )
            again = bench.envelope(
                cast.tech,
                "parts_request.resubmit",
                ("parts_request", record),
                {
                    key: value
                    for key, value in request_data(
                        record, lines=[{"name": "Probe", "qty": "2", "unit_price": "400"}]
                    ).items()
                    if key != "id"
                },
            )
            yes = bench.envelope(cast.leader, "parts_request.approve", ("parts_request", record), {}, base=base)
            barrier = Barrier(2)

            def author(back: str = back, again: str = again, barrier: Barrier = barrier) -> None:
                barrier.wait()
                bench.push(cast.leader, back)
                bench.push(cast.tech, again)

            def leader(yes: str = yes, barrier: Barrier = barrier) -> str:
                barrier.wait()
                return bench.push(cast.leader, yes)[0].outcome

            other = pool.submit(author)
            outcome = pool.submit(leader).result()
            other.result()
            with bench.app.app_context():
                row = db.session.get_one(PartsRequest, record)
                if outcome == "accepted":
                    assert (row.state, row.total) == ("approved_by_leader", Decimal("20.00"))
                else:
                    assert (row.state, row.total) == ("submitted", Decimal("800.00"))
                db.session.remove()
            outcomes.append(outcome)
    assert set(outcomes) <= {"accepted", "conflict"}
    assert len(outcomes) == rounds


# -- nobody there: one up, and it says why (D-ROLE-1) ------------------------------------------------------------


def steps_of(bench: Bench, record: str) -> list[tuple[str, str | None, int | None]]:
    query = select(Step.role, Step.why, Case.group_id).join(Case, Case.id == Step.case_id)
    with bench.app.app_context():
        rows = db.session.execute(query.where(Case.subject_id == record).order_by(Step.position)).all()
        db.session.remove()
    return [(role, why, group) for role, why, group in rows]


def test_a_claim_without_a_group_belongs_to_no_group_and_goes_one_up(bench: Bench, client_of: Any) -> None:
    cast = bench.cast
    record = claim(bench, cast.finance, "10.00")
    assert steps_of(bench, record) == [("manager", "no_group", None)]
    page = client_of(cast.manager).get("/inbox").text
    assert "the requester is in no group" in page
    for path in (f"/expenses/claims/{record}", f"/inbox/expense_claim/{record}/approve", "/inbox/done"):
        assert client_of(cast.manager).get(path).status_code == 200
    assert client_of(cast.leader).get("/inbox").text.count(record) == 0
    assert decide(bench, cast.leader, "expense_claim", record).outcome == "rejected"
    result = decide(bench, cast.manager, "expense_claim", record, base=seen(bench, "expense_claim", record))
    assert result.outcome == "accepted"
    assert client_of(cast.finance).get("/reimbursements").status_code == 200


def test_a_group_without_an_active_leader_goes_one_up(bench: Bench) -> None:
    with bench.app.app_context(), writing() as session:
        session.get_one(User, bench.cast.leader.id).active = False
    record = claim(bench, bench.cast.tech, "10.00")
    assert steps_of(bench, record) == [("manager", "nobody", 1)]


def test_an_own_request_goes_up_as_often_as_needed(bench: Bench) -> None:
    with bench.app.app_context(), writing() as session:
        session.add(Membership(user_id=bench.cast.leader.id, role="manager", from_on=LONG_AGO))
    record = claim(bench, bench.cast.leader, "10.00")
    assert steps_of(bench, record) == [("executive", "own", 1)]
