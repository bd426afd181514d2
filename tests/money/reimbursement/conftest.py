"""Approved claims to list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fieldapp.kernel import ids
from tests.money.expenses.conftest import item_data
from tests.support.bench import Bench, Person


@pytest.fixture
def approved(bench: Bench) -> Callable[..., str]:
    """`approved(user, {…}, {…}, by=leader)` → claim id: captured, claimed, and approved where `by` is given."""

    def made(person: Person, *rows: dict[str, Any], by: Person | None = None) -> str:
        items = []
        for row in rows:
            record = str(ids.uuid7())
            result = bench.send(person, "expense_item.capture", ("expense_item", record), item_data(record, **row))
            assert result.outcome == "accepted", result
            items.append(record)
        claim = str(ids.uuid7())
        agg = ("expense_claim", claim)
        result = bench.send(person, "expense_claim.submit", agg, {"id": claim, "items": items})
        assert result.outcome == "accepted", result
        if by:
            assert bench.send(by, "expense_claim.approve", agg, {}).outcome == "accepted"
        return claim

    return made
