"""Field types: every bad value is refused in words, in the person's language; good ones arrive typed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError

from fieldapp.kernel import clock
from fieldapp.platform.web import fields as f

LONG_CHINESE = "\u552e\u540e" * 5000


class Row(f.Form):
    name = f.text("Name", max=10, required=True)
    qty = f.whole("Quantity", min=1, max=5, required=True)


class Everything(f.Form):
    text = f.text("Text", max=20)
    long = f.long_text("Long", max=2000)
    money = f.money("Money")
    whole = f.whole("Whole", min=1, max=10)
    day = f.day("Day", earliest_days=-90, latest_days=0)
    moment = f.moment("Moment")
    choice = f.choice("Choice", [("a", "A"), ("b", "B")])
    record = f.pick("Record")
    stars = f.stars("Stars")
    flag = f.flag("Flag")
    rows = f.rows("Rows", Row, max=2)
    signature = f.signature("Signature")
    position = f.position()


TODAY = clock.today()
BAD: list[tuple[str, Any]] = [
    ("text", "x" * 21),
    ("text", LONG_CHINESE),
    ("text", 5),
    ("text", ["a"]),
    ("text", "a\x07b"),
    ("long", LONG_CHINESE),
    ("money", "0"),
    ("money", "-1"),
    ("money", "0.001"),
    ("money", "1.005"),
    ("money", "1e9"),
    ("money", "1e2"),
    ("money", "NaN"),
    ("money", "Infinity"),
    ("money", "ten"),
    ("money", 1.1),
    ("money", True),
    ("money", {"a": 1}),
    ("money", LONG_CHINESE),
    ("whole", "0"),
    ("whole", "11"),
    ("whole", "1.5"),
    ("whole", 1.0),
    ("whole", "\u4e00"),
    ("whole", "9" * 400),
    ("day", (TODAY + timedelta(days=1)).isoformat()),
    ("day", (TODAY - timedelta(days=91)).isoformat()),
    ("day", "22.11.2026"),
    ("day", "2026-13-45"),
    ("day", 20261122),
    ("moment", "tomorrow"),
    ("moment", "0001-01-01T00:00"),
    ("moment", 5),
    ("choice", "c"),
    ("choice", 1),
    ("record", "x"),
    ("record", "01890000-0000-7000-8000-00000000000G"),
    ("record", 7),
    ("stars", "6"),
    ("stars", "0"),
    ("flag", "maybe"),
    ("rows", "x"),
    ("rows", [{"name": "a", "qty": "1"}] * 3),
    ("rows", [{"name": "a" * 11, "qty": "1"}]),
    ("rows", [{"qty": "1"}]),
    ("rows", ["x"]),
    ("signature", "<script>"),
    ("signature", "[]"),
    ("signature", [[1, 2, 3]]),
    ("signature", [[1, 99999]]),
    ("signature", "[" * 5000),
    ("signature", "[[1,2]]" * 5000),
    ("position", {"lat": 200, "lon": 0, "accuracy_m": 1}),
    ("position", {"lat": "NaN", "lon": 0, "accuracy_m": 1}),
    ("position", "here"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda v: str(v)[:20])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_bad_values_are_refused_with_words(session_app: Flask, name: str, value: Any, language: str) -> None:
    with session_app.test_request_context(headers={"Accept-Language": language}), pytest.raises(ValidationError) as e:
        Everything().load({name: value})
    assert set(e.value.normalized_messages()) == {name}
    assert "Invalid" not in str(e.value.normalized_messages())


def test_good_values_arrive_typed(session_app: Flask) -> None:
    with session_app.test_request_context():
        data = Everything().load(
            {
                "text": "  <b>kept as text</b> ",
                "money": "46.00",
                "whole": "3",
                "day": TODAY.isoformat(),
                "moment": "2026-11-24T09:00",
                "stars": "5",
                "rows": [{"name": "a", "qty": "2"}],
                "signature": "[[1,2,3,4]]",
                "long": "",
            }
        )
    assert data["text"] == "<b>kept as text</b>"
    assert data["money"] == Decimal("46.00")
    assert data["whole"] == 3
    assert data["day"] == TODAY
    assert clock.iso(data["moment"]) == "2026-11-24T01:00:00.000Z"
    assert data["rows"] == [{"name": "a", "qty": 2}]
    assert data["signature"] == [[1, 2, 3, 4]]
    assert "long" not in data


def test_a_schema_refuses_what_it_does_not_know(session_app: Flask) -> None:
    with session_app.test_request_context(), pytest.raises(ValidationError) as error:
        Everything().load({"colour": "red"})
    assert set(error.value.normalized_messages()) == {"colour"}
