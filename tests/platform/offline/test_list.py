"""What docs/offline.md promises is in each role's pack, and every command is in the list."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fieldapp.field.jobs import Visit, VisitMember
from fieldapp.field.reports import ServiceReport
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.supply.parts import Part
from fieldapp.supply.parts.schemas import NOT_IN_CATALOGUE
from tests.field.reports.sheets import plan, submit
from tests.money.expenses.conftest import item_data
from tests.support.bench import Bench, Person
from tests.support.envelopes import sent_by_people

DOC = (Path(__file__).parents[3] / "docs" / "offline.md").read_text()
ROW = re.compile(r"^\| (\w+) \| ([^|]+) \| `([^`]+)` \| `([^`]+)` \|", re.M)
#: role, page, command
PROMISED = [(role, page, command) for role, _, page, command in ROW.findall(DOC)]
ID = "[0-9a-f-]{36}"


def send_expense(bench: Bench, who: Person, amount: str) -> str:
    record_id = str(ids.uuid7())
    data = item_data(record_id, amount=amount)
    assert bench.send(who, "expense_item.capture", ("expense_item", record_id), data).outcome == "accepted"
    return record_id


def send_claim(bench: Bench, who: Person, *amounts: str) -> str:
    record_id = str(ids.uuid7())
    items = [send_expense(bench, who, amount) for amount in amounts]
    result = bench.send(who, "expense_claim.submit", ("expense_claim", record_id), {"id": record_id, "items": items})
    assert result.outcome == "accepted", result.problems
    return record_id


def send_request(bench: Bench, who: Person, job: str) -> str:
    record_id = str(ids.uuid7())
    line = {"part_id": NOT_IN_CATALOGUE, "name": "Cable", "qty": 1, "unit_price": "9.00"}
    data = {
        "id": record_id,
        "job_id": job,
        "urgency": "normal",
        "wanted_on": clock.today().isoformat(),
        "lines": [line],
    }
    result = bench.send(who, "parts_request.submit", ("parts_request", record_id), data)
    assert result.outcome == "accepted", result.problems
    return record_id


def latest_report(bench: Bench) -> str:
    with bench.app.app_context():
        return str(db.session.query(ServiceReport).order_by(ServiceReport.id.desc()).first().id)


def second_visit(bench: Bench, job: str) -> None:
    with bench.app.app_context(), writing() as session:
        visit = str(ids.uuid7())
        start = clock.now() + timedelta(hours=2)
        session.add(
            Visit(id=visit, job_id=job, technician_id=bench.cast.tech.id, planned_start=start, state="assigned")
        )
        session.flush()
        session.add(VisitMember(visit_id=visit, user_id=bench.cast.tech.id, in_charge=True))


@pytest.fixture
def day(bench: Bench) -> Bench:
    """Create records in each state from which the list promises a form."""
    cast = bench.cast
    with bench.app.app_context(), writing() as session:
        session.add(
            Part(
                id=str(ids.uuid7()), number="P-1", name="Board", unit="pc", price="9.00", category="other", active=True
            )
        )
    job, _ = bench.make_job(state="assigned")
    second_visit(bench, job)
    bench.make_job(state="refused", **{"group": 1})
    for returned in (True, False):
        _, visit = bench.make_job(state="working")
        assert submit(bench, cast.tech, visit, **plan()).outcome == "accepted"
        records = {
            "service_report": latest_report(bench),
            "parts_request": send_request(bench, cast.tech, job),
            "expense_claim": send_claim(bench, cast.tech, "4.00" if returned else "5.00"),
        }
        for kind, record in records.items() if returned else ():
            assert bench.send(cast.leader, f"{kind}.return", (kind, record), {"reason": "why"}).outcome == "accepted"
    for who in (cast.tech, cast.finance):
        send_expense(bench, who, "3.00")
    return bench


def pages_of(bench: Bench, who: Person) -> dict[str, str]:
    """Return the pages of a person's pack by address, as the phone fetches them."""
    client = bench.client_of(who)
    entries = client.get("/sync/pack").get_json()["entries"]
    pages = {}
    for entry in entries:
        answer = client.get(entry["url"], headers={"X-Fieldapp-Pack": "1"})
        assert answer.status_code == 200, entry["url"]
        pages[entry["url"]] = answer.text
    return pages


def offers(pages: dict[str, str], page: str, command: str) -> bool:
    """Return whether an address of this pattern is in the pack with a form for the command, directly or after a tap."""
    pattern = re.compile("^" + re.escape(page).replace("<id>", ID) + "$")
    return any(f'data-op="{command}"' in html for url, html in pages.items() if pattern.match(url))


def test_every_promised_form_is_in_the_pack_of_its_role(day: Bench) -> None:
    people = {
        "technician": day.cast.tech,
        **{role: getattr(day.cast, role) for role in ("leader", "finance", "manager", "executive")},
    }
    packs: dict[str, Any] = {role: pages_of(day, person) for role, person in people.items()}
    missing = [row for row in PROMISED if not offers(packs[row[0]], row[1], row[2])]
    assert len(PROMISED) > 30
    assert missing == []


def test_every_command_is_promised_or_named_as_one_that_needs_a_signal(bench: Bench) -> None:
    _, needs_signal = DOC.split("## Only with a signal", 1)
    named = {command for _, _, command in PROMISED} | set(re.findall(r"`([a-z_]+\.[a-z_]+)`", needs_signal))
    product = {name for name in sent_by_people(bench) if not name.startswith(("tool_check", "tool_loan"))}
    assert sorted(product - named) == []
