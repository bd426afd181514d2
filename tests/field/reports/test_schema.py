"""Every field of a report at its edges (D-JOB-6, D-JOB-7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError

from fieldapp.field.reports.schemas import Submit
from fieldapp.kernel import ids
from tests.field.reports.sheets import STROKES, plan, sheet

VISIT = str(ids.uuid7())


@pytest.fixture(autouse=True)
def _words(session_app: Flask) -> Iterator[None]:
    with session_app.test_request_context(headers={"Accept-Language": "en"}):
        yield


def problems(**over: Any) -> dict[str, Any]:
    try:
        Submit().load(sheet(VISIT, **over))
    except ValidationError as error:
        return dict(error.normalized_messages())
    return {}


def test_the_shortest_report_is_result_fault_work_and_a_signature() -> None:
    assert problems(customer_name=None, satisfaction=None) == {}


@pytest.mark.parametrize("name", ["id", "visit_id", "result", "fault", "work", "signature"])
def test_what_has_to_be_there(name: str) -> None:
    assert set(problems(**{name: None})) == {name}


@pytest.mark.parametrize("name", ["fault", "work", "result"])
@pytest.mark.parametrize("blank", ["", "   ", "\n"])
def test_blank_is_missing(name: str, blank: str) -> None:
    assert set(problems(**{name: blank})) == {name}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "not-an-id"),
        ("id", 7),
        ("visit_id", "00000000-0000-0000-0000-00000000000G"),
        ("result", "finished"),
        ("result", ["solved"]),
        ("fault", 12),
        ("fault", {"a": 1}),
        ("fault", "\u4fee" * 10_000),
        ("cause", "\u4fee" * 2001),
        ("work", "\u4fee" * 10_000),
        ("work", "a\x00b"),
        ("explained", "\u4fee" * 10_000),
        ("explained", ["a"]),
        ("labour_minutes", -1),
        ("labour_minutes", 6001),
        ("labour_minutes", "an hour"),
        ("labour_minutes", 1.5),
        ("labour_minutes", True),
        ("fee_amount", "-5"),
        ("fee_amount", "0"),
        ("fee_amount", "1.005"),
        ("fee_amount", "NaN"),
        ("fee_amount", "1e9"),
        ("fee_method", "gold"),
        ("customer_name", "\u5218" * 61),
        ("satisfaction", 0),
        ("satisfaction", 6),
        ("satisfaction", "many"),
        ("signature", "[]"),
        ("signature", "[[1,2],[3]]"),
        ("signature", "[[1,99999]]"),
        ("signature", json.dumps([[1, 2] * 2001])),
        ("signature", "<svg>"),
        ("unsigned", "perhaps"),
        ("no_signature_reason", "x" * 201),
        ("parts", "no list"),
        ("parts", [{"name": "a"}] * 21),
        ("devices", [{"plate": "a"}] * 51),
    ],
)
def test_wrong_values_are_told_at_their_field(name: str, value: Any) -> None:
    assert name in problems(**{name: value})


def test_an_unknown_field_is_refused() -> None:
    assert "state" in problems(state="accepted")


def test_markup_and_rare_characters_are_text() -> None:
    words = "<script>alert(1)</script> & \U00020bb7 \u202e"
    assert Submit().load(sheet(VISIT, fault=words))["fault"] == words


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({}, "name"),
        ({"qty": 2}, "name"),
        ({"name": "Feed", "qty": 0}, "qty"),
        ({"name": "Feed", "qty": -3}, "qty"),
        ({"name": "Feed", "qty": "two"}, "qty"),
        ({"name": "x" * 101}, "name"),
        ({"part_id": "x"}, "part_id"),
        ({"name": "Feed", "old_serial": "x" * 61}, "old_serial"),
        ({"name": "Feed", "price": "1"}, "price"),
    ],
)
def test_part_rows(row: dict[str, Any], field: str) -> None:
    assert field in problems(parts=[{"name": "good"}, row])["parts"][1]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({}, "plate"),
        ({"driver": "Wang"}, "plate"),
        ({"plate": "x" * 21}, "plate"),
        ({"old_sim": 5, "plate": "a"}, "old_sim"),
    ],
)
def test_device_rows(row: dict[str, Any], field: str) -> None:
    assert field in problems(devices=[row])["devices"][0]


@pytest.mark.parametrize("name", ["plan_at", "plan_people", "plan_tools"])
def test_d_job_7_another_visit_needs_its_plan(name: str) -> None:
    assert problems(**plan()) == {}
    assert set(problems(**plan(**{name: None}))) == {name}
    assert set(problems(result="another_visit")) == {"reason", "plan_at", "plan_people", "plan_tools"}


def test_a_field_filled_in_wrongly_is_told_once() -> None:
    assert problems(**plan(plan_at="tomorrow")) == {"plan_at": ["Please enter a date and time."]}


@pytest.mark.parametrize("value", ["2026-13-01T09:00", "0001-01-01T00:00", "9999-01-01T00:00", 5, ["x"]])
def test_times_that_are_none(value: Any) -> None:
    assert set(problems(**plan(plan_at=value))) == {"plan_at"}


def test_a_part_to_buy_that_is_not_listed_needs_an_estimate() -> None:
    assert problems(**plan(plan_lines=[{"name": "Board", "unit_price": "620.00"}])) == {}
    assert problems(**plan(plan_lines=[{"name": "Board"}]))["plan_lines"][0] == {
        "unit_price": ["Please estimate the price."]
    }


@pytest.mark.parametrize("result", ["taken_back", "referred"])
def test_taken_back_and_referred_need_a_reason(result: str) -> None:
    assert set(problems(result=result)) == {"reason"}
    assert problems(result=result, reason="The board is burnt") == {}


def test_a_fee_and_how_it_was_paid_belong_together() -> None:
    assert set(problems(fee_amount="80.00")) == {"fee_method"}
    assert set(problems(fee_method="cash")) == {"fee_amount"}
    assert problems(fee_amount="80.00", fee_method="cash") == {}


def test_no_signature_needs_a_reason() -> None:
    assert set(problems(signature=None, unsigned=True)) == {"no_signature_reason"}
    assert problems(signature=None, unsigned=True, no_signature_reason="Nobody there") == {}
    assert problems(signature=None, no_signature_reason="Nobody there") == {}


def test_strokes_come_as_a_list_or_as_text() -> None:
    assert Submit().load(sheet(VISIT, signature=json.dumps(STROKES)))["signature"] == STROKES
