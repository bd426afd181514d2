"""Changing settings: administrators only, from a later day on, nothing overwritten; the pages."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fieldapp.kernel import clock, ids
from fieldapp.platform.extensions import db
from fieldapp.services.settings import value
from tests.support.bench import Bench, Cast, Person

KEY = "parts.leader_limit"


def day(days: int) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


@pytest.fixture
def change(bench: Bench) -> Any:
    def sent(person: Person, **over: Any) -> Any:
        record = str(ids.uuid7())
        data = {"id": record, "key": KEY, "value": "800.00", "valid_from": day(1), "reason": "New rule book.", **over}
        data = {key: value for key, value in data.items() if value is not None}
        return bench.send(person, "setting.change", ("setting", record), data, schema=2)

    return sent


def held(app: Flask, days: int = 0, key: str = KEY) -> Any:
    with app.test_request_context():
        found = value(key, clock.now() + timedelta(days=days))
        db.session.remove()
        return found


def test_a_change_holds_from_its_day_on(app: Flask, cast: Cast, change: Any) -> None:
    assert change(cast.admin, valid_from=day(3)).outcome == "accepted"
    assert [held(app, days) for days in (0, 2, 3, 400)] == [
        Decimal(n) for n in ("500.00", "500.00", "800.00", "800.00")
    ]
    assert change(cast.admin, valid_from=day(3), value="700").outcome == "accepted"
    assert held(app, 3) == Decimal(700)


def test_only_administrators(app: Flask, cast: Cast, change: Any) -> None:
    for key in ("tech", "leader", "finance", "manager", "purchasing", "executive", "hr", "quality", "agent"):
        assert change(getattr(cast, key)).outcome == "rejected", key
    assert held(app) == Decimal("500.00")


@pytest.mark.parametrize(
    ("field", "over"),
    [
        ("id", {"id": "01890000-0000-7000-8000-000000000000"}),
        ("key", {"key": "parts.nothing"}),
        ("key", {"key": None}),
        ("value", {"value": None}),
        ("value", {"value": "-1"}),
        ("value", {"value": "0"}),
        ("value", {"value": "many"}),
        ("value", {"value": "NaN"}),
        ("value", {"value": "Infinity"}),
        ("value", {"value": "1.005"}),
        ("value", {"value": "1_000"}),
        ("value", {"value": "\u0661\u0662"}),
        ("value", {"value": "10000001"}),
        ("value", {"value": "1e400000"}),
        ("value", {"value": "\u6587" * 10_000}),
        ("value", {"key": "parts.split_days", "value": "7.5"}),
        ("value", {"key": "parts.split_days", "value": "0"}),
        ("valid_from", {"valid_from": day(-1)}),
        ("valid_from", {"valid_from": day(0)}),
        ("row_1", {"row_1": "taxi"}),
        ("row_1", {"key": "expenses.limits", "row_1": "yacht"}),
        ("valid_from", {"valid_from": "soon"}),
        ("valid_from", {"valid_from": None}),
        ("reason", {"reason": None}),
        ("reason", {"reason": "x" * 501}),
        ("set_by", {"set_by": 1}),
    ],
)
def test_every_bad_field_is_named(app: Flask, cast: Cast, change: Any, field: str, over: dict[str, Any]) -> None:
    result = change(cast.admin, **over)
    assert result.outcome == "rejected"
    assert field in result.problems
    assert held(app) == Decimal("500.00")


def test_the_same_change_twice_is_a_conflict(bench: Bench, cast: Cast) -> None:
    record = str(ids.uuid7())
    data = {"id": record, "key": KEY, "value": "800", "valid_from": day(1), "reason": "New."}
    sent = [bench.send(cast.admin, "setting.change", ("setting", record), data, schema=2) for _ in range(2)]
    outcomes = [one.outcome for one in sent]
    assert outcomes == ["accepted", "conflict"]


def get(client: FlaskClient, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.get_data(as_text=True)


def test_pages_show_areas_values_coming_changes_and_history(
    cast: Cast, client_of: Any, change: Any, queries: Any
) -> None:
    change(cast.admin, valid_from=day(3), reason="Prices rose <b>again</b>.")
    client = client_of(cast.admin)
    with queries() as count:
        overview = get(client, "/settings")
        area = get(client, "/settings/areas/parts")
    assert count.count <= 24
    assert "1 coming change" in overview
    for words in ("D-PART-2", "500.00", "800.00", f"/settings/{KEY}", "/withdraw"):
        assert words in area
    history = get(client, f"/settings/{KEY}")
    for words in ("Admin Person", "Prices rose &lt;b&gt;again", "to come", f"/settings/{KEY}/correct"):
        assert words in history
    assert 'href="/settings"' in get(client, "/me")
    assert 'href="/settings"' not in get(client_of(cast.tech), "/me")
    for person in (cast.tech, cast.leader, cast.finance, cast.manager):
        for path in ("/settings", "/settings/areas/parts", f"/settings/{KEY}", f"/settings/{KEY}/correct"):
            assert client_of(person).get(path).status_code == 403
    for path in ("/settings/no.such", "/settings/areas/nothing", f"/settings/{KEY}?row=x"):
        assert client.get(path).status_code == 404


def test_changing_without_javascript(app: Flask, cast: Cast, client_of: Any) -> None:
    client = client_of(cast.admin)
    url = f"/settings/{KEY}"
    page = get(client, url)
    hidden = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1)  # type: ignore[union-attr]
        for name in ("_op", "_issued", "_schema", "id", "key")
    }
    data = {**hidden, "value": "-3", "valid_from": day(1), "reason": "Try"}
    refused = client.post(url, data=data)
    assert refused.status_code == 422
    assert 'value="-3"' in refused.get_data(as_text=True)
    answer = client.post(url, data={**data, "_op": str(ids.uuid7()), "value": "650"})
    assert answer.status_code == 303
    assert held(app, 1) == Decimal(650)


def test_row_of_a_table_is_changed_and_added_on_its_page(cast: Cast, client_of: Any, change: Any, app: Flask) -> None:
    client = client_of(cast.admin)
    table = get(client, "/settings/areas/expenses")
    assert "?row=lodging" in table
    assert 'name="row_1" value="lodging"' in get(client, "/settings/expenses.limits?row=lodging")
    assert '<option value="per_diem"' in get(client, "/settings/expenses.limits")
    new = {"key": "expenses.limits", "row_1": "per_diem", "value": "60"}
    assert change(cast.admin, **new).outcome == "accepted"
    assert "does not hold today" in get(client, "/settings/areas/expenses")


def test_screens_say_what_applies_there(cast: Cast, client_of: Any) -> None:
    tech = client_of(cast.tech)
    assert "What applies here" in get(tech, "/parts/new")
    expense = get(tech, "/expenses/new")
    assert "What applies here" in expense
    assert "Lodging" in expense.partition("What applies here")[2]


def test_change_written_by_an_older_build_is_lifted(bench: Bench, app: Flask, cast: Cast) -> None:
    """Before, a kind's limit was a setting of its own, and the day was called `effective_on`."""
    record = str(ids.uuid7())
    data = {"id": record, "key": "expenses.limit_taxi", "value": "120", "effective_on": day(2), "reason": "Night rate"}
    assert bench.send(cast.admin, "setting.change", ("setting", record), data, schema=1).outcome == "accepted"
    with app.test_request_context():
        later = clock.now() + timedelta(days=2)
        found = [value("expenses.limits", later, (kind,)) for kind in ("taxi", "parking")]
        db.session.remove()
    assert found == [Decimal(120), Decimal(50)]
