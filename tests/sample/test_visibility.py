"""One condition says who sees a record: its page, its files, the list and the download agree for everybody."""

from __future__ import annotations

import random
import re
from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.extension_points import can_view
from tests.sample.tool_loans.lists import LIST
from tests.sample.tool_loans.models import ToolLoan
from tests.sample.tool_loans.queries import VISIBLE
from tests.support.bench import Bench, Person

#: Addresses of the pages by record type.
PAGES = {
    "tool_loan": "/tool-loans/",
    "expense_item": "/expenses/items/",
    "expense_claim": "/expenses/claims/",
}


def _people(bench: Bench) -> list[Person]:
    found = (getattr(bench.cast, one.name) for one in fields(bench.cast))
    return [one for one in found if isinstance(one, Person)]


def _fill(bench: Bench, chance: random.Random, most: int = 100) -> dict[str, list[str]]:
    """Store records of every type, of random people and groups."""
    made: dict[str, list[str]] = {kind: [] for kind in PAGES}
    people, now, day = _people(bench), clock.now(), date(2026, 3, 18)
    with bench.app.app_context(), writing() as session:
        for number in range(most):
            claim, item, loan = (str(ids.uuid7()) for _ in range(3))
            owner, group = chance.choice(people).id, chance.choice((None, 1, 2))
            whose: dict[str, Any] = {"owner_id": owner, "group_id": group}
            times = {"written_at": now - timedelta(minutes=number), "received_at": now}
            sent = {"state": "submitted", "total": Decimal(1), "month": "2026-03", "submitted_at": now}
            session.add(ExpenseClaim(id=claim, number=f"EC-{number}", **sent, **whose))
            session.flush()
            spent = {"kind": "taxi", "amount": Decimal(1), "spent_on": day, "captured_at": now, "received_at": now}
            state = {"state": "claimed", "claim_id": claim} if chance.random() < 0.5 else {"state": "open"}
            session.add(ExpenseItem(id=item, **state, **spent, **whose))
            session.add(ToolLoan(id=loan, what=f"Tool {number}", until=day, state="submitted", ver=1, **times, **whose))
            for kind, record in (("tool_loan", loan), ("expense_item", item), ("expense_claim", claim)):
                made[kind].append(record)
    return made


def test_page_and_files_agree_for_300_records_and_everybody(bench: Bench) -> None:
    chance = random.Random(7)
    made = _fill(bench, chance)
    seen_by: dict[int, int] = {}
    for person in _people(bench):
        client, actor = bench.client_of(person), bench.actor(person)
        for kind, records in made.items():
            with bench.app.test_request_context():
                visible = {one for one in records if can_view(actor, kind, one)}
                db.session.remove()
            seen_by[person.id] = seen_by.get(person.id, 0) + len(visible)
            for one in chance.sample(records, 12):
                status = client.get(PAGES[kind] + one).status_code
                assert (status == 200) == (one in visible), (person.username, kind, status)
                assert status in {200, 403, 404}
    assert seen_by[bench.cast.admin.id] == seen_by[bench.cast.hr.id] == 0
    assert 0 < seen_by[bench.cast.tech.id] < seen_by[bench.cast.leader.id] < 300


def test_list_download_and_page_have_the_same_records(bench: Bench) -> None:
    records = _fill(bench, random.Random(8))["tool_loan"]
    for person in _people(bench):
        actor = bench.actor(person)
        if not actor.can("tool_loan.view"):
            continue
        with bench.app.test_request_context():
            visible = {one for one in records if VISIBLE.sees(actor, one)}
            listed = set(db.session.scalars(VISIBLE.rows(actor, select(ToolLoan.id))))
            exported = {row.id for row in LIST.rows(actor)}
            db.session.remove()
        shown, url = set(), "/tool-loans"
        client = bench.client_of(person)
        while url:
            page = client.get(url).text
            shown |= set(re.findall(r"/tool-loans/([0-9a-f-]{36})", page))
            following = re.search(r'href="(/tool-loans\?[^"]*after=[^"]*)"', page)
            url = following[1].replace("&amp;", "&") if following else ""
        assert visible == listed == exported == shown, person.username
