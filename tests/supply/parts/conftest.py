"""A small catalogue, and requests as phones send them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import Result, writing
from fieldapp.platform.extensions import db
from fieldapp.supply.parts.models import Part, PartsRequest
from tests.support.bench import Bench, Person

CATALOGUE = (("ANT-02", "Antenna", "62.00"), ("CAM-01", "Camera", "499.99"), ("TERM-01", "Terminal", "500.00"))


@pytest.fixture
def catalogue(bench: Bench) -> dict[str, str]:
    """Part ids by number."""
    known = {number: str(ids.uuid7()) for number, _, _ in CATALOGUE}
    with bench.app.app_context():
        with writing() as session:
            session.add_all(
                Part(
                    id=known[number],
                    number=number,
                    name=name,
                    unit="piece",
                    price=Decimal(price),
                    category="gps_terminal",
                    models=["GT06-N"] if number == "ANT-02" else [],
                )
                for number, name, price in CATALOGUE
            )
        db.session.remove()
    return known


def day(days: int) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


def request_data(record: str, **over: Any) -> dict[str, Any]:
    lines = [{"name": "Probe", "qty": "2", "unit_price": "85.00"}]
    data = {"id": record, "urgency": "normal", "wanted_on": day(2), "reason": "For stock.", "lines": lines}
    return {key: value for key, value in {**data, **over}.items() if value is not None}


@pytest.fixture
def ask(bench: Bench) -> Callable[..., tuple[str, Result]]:
    """`ask(user, **data)` → (request id, result)."""

    def sent(person: Person, envelope: dict[str, Any] | None = None, **over: Any) -> tuple[str, Result]:
        record = str(ids.uuid7())
        agg = ("parts_request", record)
        return record, bench.send(person, "parts_request.submit", agg, request_data(record, **over), **(envelope or {}))

    return sent


@pytest.fixture
def decide(bench: Bench) -> Callable[..., Result]:
    """`decide(user, verb, request id, reason)` → result."""

    def sent(person: Person, verb: str, record: str, reason: str = "") -> Result:
        data = {"reason": reason} if reason else {}
        return bench.send(person, f"parts_request.{verb}", ("parts_request", record), data)

    return sent


@pytest.fixture
def stored(bench: Bench) -> Callable[[str], PartsRequest]:
    """The request as it lies in the database."""

    def load(record: str) -> PartsRequest:
        with bench.app.app_context():
            one = db.session.get(PartsRequest, record)
            db.session.remove()
        assert one is not None
        return one

    return load
