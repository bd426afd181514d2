"""Changing figures of the rule book: administrators only, from a day on, nothing overwritten."""

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
from fieldapp.services.settings import figure
from tests.support.bench import Bench, Cast, Person

KEY = "parts.leader_limit"


def day(days: int) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


@pytest.fixture
def change(bench: Bench) -> Any:
    def sent(person: Person, **over: Any) -> Any:
        record = str(ids.uuid7())
        data = {"id": record, "key": KEY, "value": "800.00", "effective_on": day(0), "reason": "New rule book.", **over}
        data = {key: value for key, value in data.items() if value is not None}
        return bench.send(person, "setting.change", ("setting", record), data)

    return sent


def value(app: Flask, days: int = 0, key: str = KEY) -> Any:
    with app.test_request_context():
        found = figure(key, clock.today() + timedelta(days=days))
        db.session.remove()
        return found


def test_a_change_holds_from_its_day_on(app: Flask, cast: Cast, change: Any) -> None:
    assert change(cast.admin, effective_on=day(3)).outcome == "accepted"
    assert [value(app, days) for days in (0, 2, 3, 400)] == [
        Decimal(n) for n in ("500.00", "500.00", "800.00", "800.00")
    ]
    assert change(cast.admin, effective_on=day(3), value="700").outcome == "accepted"
    assert value(app, 3) == Decimal(700)


def test_only_administrators(app: Flask, cast: Cast, change: Any) -> None:
    for key in ("tech", "leader", "finance", "manager", "purchasing", "executive", "hr", "quality", "agent"):
        assert change(getattr(cast, key)).outcome == "rejected", key
    assert value(app) == Decimal("500.00")


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
        ("effective_on", {"effective_on": day(-1)}),
        ("effective_on", {"effective_on": "soon"}),
        ("effective_on", {"effective_on": None}),
        ("reason", {"reason": None}),
        ("reason", {"reason": "x" * 501}),
        ("set_by", {"set_by": 1}),
    ],
)
def test_every_bad_field_is_named(app: Flask, cast: Cast, change: Any, field: str, over: dict[str, Any]) -> None:
    result = change(cast.admin, **over)
    assert result.outcome == "rejected"
    assert field in result.problems
    assert value(app) == Decimal("500.00")


def test_the_same_change_twice_is_a_conflict(bench: Bench, cast: Cast) -> None:
    record = str(ids.uuid7())
    data = {"id": record, "key": KEY, "value": "800", "effective_on": day(0), "reason": "New."}
    outcomes = [bench.send(cast.admin, "setting.change", ("setting", record), data).outcome for _ in range(2)]
    assert outcomes == ["accepted", "conflict"]


def get(client: FlaskClient, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return answer.get_data(as_text=True)


def test_the_pages(cast: Cast, client_of: Any, change: Any, queries: Any) -> None:
    change(cast.admin, effective_on=day(3), reason="Prices rose <b>again</b>.")
    client = client_of(cast.admin)
    with queries() as count:
        page = get(client, "/settings")
    assert count.count <= 12
    for words in ("D-PART-2", "500.00", "800.00", "Admin Person", "Prices rose &lt;b&gt;again", f"/settings/{KEY}"):
        assert words in page
    assert 'href="/settings"' in get(client, "/me")
    assert 'href="/settings"' not in get(client_of(cast.tech), "/me")
    for person in (cast.tech, cast.leader, cast.finance, cast.manager):
        assert client_of(person).get("/settings").status_code == 403
        assert client_of(person).get(f"/settings/{KEY}").status_code == 403
    assert client.get("/settings/no.such").status_code == 404


def test_changing_without_javascript(app: Flask, cast: Cast, client_of: Any) -> None:
    client = client_of(cast.admin)
    url = f"/settings/{KEY}"
    page = get(client, url)
    hidden = {
        name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in ("_op", "_issued", "id", "key")
    }  # type: ignore[union-attr]
    data = {**hidden, "value": "-3", "effective_on": day(0), "reason": "Try"}
    refused = client.post(url, data=data)
    assert refused.status_code == 422
    assert 'value="-3"' in refused.get_data(as_text=True)
    answer = client.post(url, data={**data, "_op": str(ids.uuid7()), "value": "650"})
    assert answer.status_code == 303
    assert value(app) == Decimal(650)
