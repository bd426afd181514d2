"""Held records whose dependency never arrives: after five days a person decides (failure mode 47)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from fieldapp.integrity import faults
from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import SYSTEM_ID
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import DueWork, writing
from fieldapp.platform.commandbus.models import Notice, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.waiting.models import ExpiredRecord
from tests.platform.commandbus.test_bus import item
from tests.support.bench import Bench

HTMX = {"HX-Request": "true"}


@pytest.fixture
def held(bench: Bench) -> str:
    """Return an expense of `tech` that depends on a record that never arrives."""
    result = bench.send(bench.cast.tech, *item(note="Taxi"), depends=[str(ids.uuid7())])
    assert result.outcome == "held"
    return str(result.op)


@pytest.fixture
def later(bench: Bench) -> Iterator[None]:
    """Move the clock five days and an hour ahead, and do what is due by then."""
    with time_machine.travel(clock.now() + timedelta(days=5, hours=1), tick=True):
        bench.tick()
        yield


def receipt(bench: Bench, op: str) -> tuple[str, dict[str, Any]]:
    with bench.app.app_context():
        row = db.session.get_one(Receipt, op)
        outcome_and_detail = row.outcome, row.detail
        db.session.remove()
    return outcome_and_detail


def decide(bench: Bench, person: Any, verb: str, op: str, **data: Any) -> Any:
    return bench.send(person, f"waiting_record.{verb}", ("waiting_record", op), data)


def inbox(bench: Bench, person: Any, **headers: str) -> str:
    answer = bench.client_of(person).get("/inbox", headers=headers)
    assert answer.status_code == 200
    return str(answer.text)


def test_47_before_five_days_nobody_is_asked(bench: Bench, held: str) -> None:
    with time_machine.travel(clock.now() + timedelta(days=4, hours=23), tick=True):
        bench.tick()
        assert "Waiting for what never came" not in inbox(bench, bench.cast.leader)


@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_47_before_five_days_nobody_decides_by_envelope_either(bench: Bench, held: str, verb: str) -> None:
    data = {"reason": "Too early"} if verb == "reject" else {}
    with time_machine.travel(clock.now() + timedelta(days=4, hours=23), tick=True):
        bench.tick()
        result = decide(bench, bench.cast.leader, verb, held, **data)
    assert (result.outcome, result.code) == ("conflict", "waiting_record.too_early")
    assert receipt(bench, held)[0] == "held"


def test_47_after_five_days_the_leader_is_asked(bench: Bench, held: str, later: None) -> None:
    for headers in ({}, HTMX):
        page = inbox(bench, bench.cast.leader, **headers)
        assert "Waiting for what never came" in page
        assert "Tech Person" in page
        assert "Taxi" in page
        assert "a record that never arrived" in page
        assert f'data-agg="waiting_record:{held}"' in page
    assert 'class="count">1<' in inbox(bench, bench.cast.leader)
    for person in (bench.cast.other_leader, bench.cast.manager, bench.cast.tech, bench.cast.executive):
        assert held not in inbox(bench, person)


def test_47_the_number_of_days_is_the_setting_of_the_day_of_arrival(bench: Bench, held: str) -> None:
    from fieldapp.services.settings.models import Setting

    with bench.app.app_context():
        with writing() as session:
            session.add(
                Setting(
                    id=str(ids.uuid7()),
                    key="waiting.days",
                    value="2",
                    valid_from=clock.today(),
                    reason="Shorter",
                    recorded_by=bench.cast.admin.id,
                    recorded_at=clock.now(),
                )
            )
        db.session.remove()
    later_record = str(bench.send(bench.cast.tech, *item(), depends=[str(ids.uuid7())]).op)
    with time_machine.travel(clock.now() + timedelta(days=2, hours=1), tick=True):
        bench.tick()
        page = inbox(bench, bench.cast.leader)
        assert later_record in page
        assert held not in page


def test_47_a_record_is_asked_about_once_however_often_it_is_sent(bench: Bench) -> None:
    body = bench.envelope(bench.cast.tech, *item(), depends=[str(ids.uuid7())])
    for hours in (0, 1):
        with time_machine.travel(clock.now() + timedelta(hours=hours), tick=True):
            assert bench.push(bench.cast.tech, body)[0].outcome == "held"
    with bench.app.app_context():
        assert db.session.scalars(select(DueWork.kind)).all() == ["waiting_record.expire"]
        db.session.remove()


def test_47_a_record_whose_dependency_came_is_not_asked_about(bench: Bench) -> None:
    parent = bench.envelope(bench.cast.tech, *item())
    assert bench.send(bench.cast.tech, *item(), depends=[json.loads(parent)["op"]]).outcome == "held"
    assert bench.push(bench.cast.tech, parent)[0].outcome == "accepted"
    assert bench.tick(clock.now() + timedelta(days=6)) == 1
    with bench.app.app_context():
        assert db.session.scalars(select(DueWork.state)).all() == ["overtaken"]
        assert db.session.scalars(select(ExpiredRecord.op)).all() == []
        db.session.remove()


def test_47_pages_count_what_waits_in_the_query_of_the_inbox(
    bench: Bench, held: str, later: None, queries: Any
) -> None:
    """The number of decisions comes with the number of cases: no page asks for it alone."""
    leader, tech = bench.client_of(bench.cast.leader), bench.client_of(bench.cast.tech)
    for client in (leader, tech):
        client.get("/me")
        with queries() as asked:
            client.get("/me")
        assert sum("notice" in statement for statement in asked.statements) == 1
        assert sum("expired_record" in statement and "notice" not in statement for statement in asked.statements) == 0


def test_47_accepted_without_what_it_refers_to(bench: Bench, held: str, later: None) -> None:
    result = decide(bench, bench.cast.leader, "accept", held)
    assert (result.outcome, result.current) == ("accepted", None)
    assert receipt(bench, held)[0] == "accepted"
    with bench.app.app_context():
        record = db.session.scalars(select(ExpenseItem)).one()
        assert record.owner_id == bench.cast.tech.id
        entries = db.session.execute(select(AuditEntry.action, AuditEntry.actor_id).order_by(AuditEntry.id)).all()
        assert [tuple(entry) for entry in entries] == [
            ("waiting_record.expire", SYSTEM_ID),
            ("expense_item.capture", bench.cast.tech.id),
            ("waiting_record.accept", bench.cast.leader.id),
        ]
        assert db.session.execute(select(Notice.user_id, Notice.kind)).all() == [
            (bench.cast.tech.id, "waiting_record.accept")
        ]
        assert list(faults()) == []
        db.session.remove()
    assert held not in inbox(bench, bench.cast.leader)
    assert decide(bench, bench.cast.leader, "reject", held, reason="Too late").code == "waiting_record.decided"


def test_47_rejected_record_returns_to_its_author_with_the_reason(bench: Bench, held: str, later: None) -> None:
    assert decide(bench, bench.cast.leader, "reject", held, reason="Which job is this?").outcome == "accepted"
    outcome, detail = receipt(bench, held)
    assert (outcome, detail.get("needs", [])) == ("rejected", [])
    assert detail["problems"]["_"] == ["What it waited for never came. Leader Person sent it back: Which job is this?"]
    # The author corrects: a new record in its place, without the reference.
    assert bench.send(bench.cast.tech, *item(), supersedes=held).outcome == "accepted"


def test_47_sending_back_needs_a_reason(bench: Bench, held: str, later: None) -> None:
    result = decide(bench, bench.cast.leader, "reject", held)
    assert (result.outcome, set(result.problems)) == ("rejected", {"reason"})
    assert receipt(bench, held)[0] == "held"


@pytest.mark.parametrize("who", ["tech", "tech2", "other_leader", "executive", "finance", "admin", "manager"])
def test_47_nobody_else_decides(bench: Bench, held: str, later: None, who: str) -> None:
    person = getattr(bench.cast, who)
    assert decide(bench, person, "accept", held).outcome == "rejected"
    assert receipt(bench, held)[0] == "held"


def test_47_a_leaders_own_record_goes_to_the_manager(bench: Bench) -> None:
    """Nobody decides about their own records (D-ROLE-1)."""
    op = str(bench.send(bench.cast.leader, *item(), depends=[str(ids.uuid7())]).op)
    with time_machine.travel(clock.now() + timedelta(days=6), tick=True):
        bench.tick()
        assert op not in inbox(bench, bench.cast.leader)
        assert decide(bench, bench.cast.leader, "accept", op).outcome == "rejected"
        assert op in inbox(bench, bench.cast.manager)
        assert decide(bench, bench.cast.manager, "accept", op).outcome == "accepted"


def test_47_whom_nobody_leads_the_manager_decides_for(bench: Bench) -> None:
    """List and command use the same rule for people without a group."""
    op = str(bench.send(bench.cast.finance, *item(), depends=[str(ids.uuid7())]).op)
    with time_machine.travel(clock.now() + timedelta(days=6), tick=True):
        bench.tick()
        for person in (bench.cast.leader, bench.cast.other_leader):
            assert op not in inbox(bench, person)
            assert decide(bench, person, "accept", op).outcome == "rejected"
        assert op in inbox(bench, bench.cast.manager)
        assert decide(bench, bench.cast.manager, "accept", op).outcome == "accepted"
        assert "Nothing waits for you." in inbox(bench, bench.cast.manager)


def test_47_record_impossible_without_its_dependency_is_returned(bench: Bench, later: None) -> None:
    op = str(bench.send(bench.cast.tech, *item(amount="-1"), depends=[str(ids.uuid7())]).op)
    with time_machine.travel(clock.now() + timedelta(days=6), tick=True):
        bench.tick()
        result = decide(bench, bench.cast.leader, "accept", op)
        assert result.outcome == "accepted"
        assert "went back to its author" in result.current["note"]
        assert receipt(bench, op)[0] == "rejected"


def test_47_records_held_for_the_accepted_one_follow(bench: Bench, held: str, later: None) -> None:
    child = str(bench.send(bench.cast.tech, *item(), depends=[held]).op)
    assert receipt(bench, child)[0] == "held"
    decide(bench, bench.cast.leader, "accept", held)
    assert receipt(bench, child)[0] == "accepted"


def test_47_a_parent_that_comes_after_all_needs_no_decision(bench: Bench, later: None) -> None:
    parent = bench.envelope(bench.cast.tech, *item())
    op = str(bench.send(bench.cast.tech, *item(), depends=[json.loads(parent)["op"]]).op)
    with time_machine.travel(clock.now() + timedelta(days=6), tick=True):
        bench.tick()
        assert op in inbox(bench, bench.cast.leader)
        assert bench.push(bench.cast.tech, parent)[0].outcome == "accepted"
        assert receipt(bench, op)[0] == "accepted"
        assert op not in inbox(bench, bench.cast.leader)


def test_47_a_server_that_fails_leaves_it_waiting(
    bench: Bench, held: str, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    commands = bench.app.extensions["commands"]

    def fails(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setitem(commands, "expense_item.capture", replace(commands["expense_item.capture"], run=fails))
    result = decide(bench, bench.cast.leader, "accept", held)
    assert (result.outcome, result.code) == ("conflict", "waiting_record.not_now")
    assert receipt(bench, held)[0] == "held"


# -- pages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_the_decision_as_a_form_of_its_own(bench: Bench, held: str, later: None, verb: str) -> None:
    client = bench.client_of(bench.cast.leader)
    url = f"/waiting/{held}/{verb}"
    page = client.get(url)
    assert page.status_code == 200
    assert "a record that never arrived" in page.text
    form = {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now())}
    if verb == "reject":
        assert client.post(url, data=form).status_code == 422
        form = {"_op": str(ids.uuid7()), "_issued": form["_issued"], "reason": "Which job?"}
    answer = client.post(url, data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/inbox?sent=1")
    assert receipt(bench, held)[0] == {"accept": "accepted", "reject": "rejected"}[verb]


def test_people_who_may_not_decide_get_404(bench: Bench, held: str, later: None, anonymous: Any) -> None:
    url = f"/waiting/{held}/accept"
    for person in (bench.cast.other_leader, bench.cast.tech, bench.cast.manager, bench.cast.hr):
        assert bench.client_of(person).get(url).status_code == 404
    assert bench.client_of(bench.cast.leader).get(f"/waiting/{held}/explode").status_code == 404
    assert bench.client_of(bench.cast.leader).get(f"/waiting/{ids.uuid7()}/accept").status_code == 404
    assert anonymous.get(url).status_code == 302


def test_inbox_has_a_fixed_number_of_queries(bench: Bench, queries: Any, held: str) -> None:
    counts = []
    for more in (1, 12):
        for _ in range(more):
            bench.send(bench.cast.tech, *item(), depends=[str(ids.uuid7())])
        with time_machine.travel(clock.now() + timedelta(days=6), tick=True):
            bench.tick()
            client = bench.client_of(bench.cast.leader)
            client.get("/inbox")
            with queries() as asked:
                client.get("/inbox")
            counts.append(asked.count)
    assert counts[0] == counts[1] <= 12
