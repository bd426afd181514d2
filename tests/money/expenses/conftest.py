"""Expenses and claims as phones send them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.platform.commandbus import Result
from fieldapp.platform.extensions import db
from tests.support.bench import Bench, Person


def day(days: int = 0) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


def item_data(record: str, **over: Any) -> dict[str, Any]:
    data = {"id": record, "kind": "local_transport", "amount": "46.00", "spent_on": day(), "note": "bus"}
    return {key: value for key, value in {**data, **over}.items() if value is not None}


@pytest.fixture
def capture(bench: Bench) -> Callable[..., tuple[str, Result]]:
    """`capture(user, envelope={…}, **data)` → (item id, result)."""

    def sent(person: Person, envelope: dict[str, Any] | None = None, **over: Any) -> tuple[str, Result]:
        record = str(ids.uuid7())
        data = item_data(record, **over)
        return record, bench.send(person, "expense_item.capture", ("expense_item", record), data, **(envelope or {}))

    return sent


@pytest.fixture
def claim(bench: Bench) -> Callable[..., tuple[str, Result]]:
    """`claim(user, [item ids], record=…, **envelope)` → (claim id, result)."""

    def sent(
        person: Person, items: Sequence[str], record: str = "", note: str = "", **envelope: Any
    ) -> tuple[str, Result]:
        record = record or str(ids.uuid7())
        data = {"id": record, "items": list(items), **({"note": note} if note else {})}
        return record, bench.send(person, "expense_claim.submit", ("expense_claim", record), data, **envelope)

    return sent


@pytest.fixture
def decide(bench: Bench) -> Callable[..., Result]:
    """`decide(user, verb, claim id, reason)` → result."""

    def sent(person: Person, verb: str, record: str, reason: str = "") -> Result:
        data = {"reason": reason} if reason else {}
        return bench.send(person, f"expense_claim.{verb}", ("expense_claim", record), data)

    return sent


@pytest.fixture
def claimed(capture: Any, claim: Any) -> Callable[..., tuple[str, list[str]]]:
    """`claimed(user, "10.00", "5.50")` → (claim id, item ids): captured and sent."""

    def made(person: Person, *amounts: str, **data: Any) -> tuple[str, list[str]]:
        items = [capture(person, amount=amount, **data)[0] for amount in amounts]
        record, result = claim(person, items)
        assert result.outcome == "accepted", result
        return record, items

    return made


@pytest.fixture
def item_of(bench: Bench) -> Callable[[str], ExpenseItem]:
    """The expense as it lies in the database."""

    def load(record: str) -> ExpenseItem:
        with bench.app.app_context():
            try:
                return db.session.get_one(ExpenseItem, record)
            finally:
                db.session.remove()

    return load


@pytest.fixture
def claim_of(bench: Bench) -> Callable[[str], ExpenseClaim]:
    """The claim as it lies in the database."""

    def load(record: str) -> ExpenseClaim:
        with bench.app.app_context():
            try:
                return db.session.get_one(ExpenseClaim, record)
            finally:
                db.session.remove()

    return load
