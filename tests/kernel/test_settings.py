"""Typed values of settings and the rows of tables."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from fieldapp.kernel.settings import Column, SettingDef, most_exact, tie

TYPES: list[tuple[dict[str, Any], str, Any]] = [
    ({"default": "x", "high": 20}, "Come home", "Come home"),
    ({"default": 3}, "7", 7),
    ({"default": Decimal(3)}, "7.50", Decimal("7.50")),
    ({"default": Decimal(3), "type": "percentage", "high": 100}, "12.5", Decimal("12.5")),
    ({"default": date(2026, 1, 1)}, "2026-11-30", date(2026, 11, 30)),
    ({"default": time(8, 30)}, "17:45", time(17, 45)),
    ({"default": "a", "type": "choice", "choices": (("a", "A"), ("b", "B"))}, "b", "b"),
    ({"default": True}, "no", False),
]


def made(**given: Any) -> SettingDef:
    return SettingDef("a.b", "Label", rule="D-SET-1", **given)


@pytest.mark.parametrize(("given", "text", "value"), TYPES, ids=lambda one: str(one)[:20])
def test_every_type_reads_what_it_writes(given: dict[str, Any], text: str, value: Any) -> None:
    one = made(**given)
    assert one.read(text) == value
    assert type(one.read(text)) is type(value)
    assert one.read(one.text(value)) == value


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"default": "x", "high": 3}, "four"),
        ({"default": 3}, "7.5"),
        ({"default": 3, "high": 5}, "6"),
        ({"default": Decimal(3)}, "1.005"),
        ({"default": Decimal(3)}, "1e3"),
        ({"default": Decimal(3), "type": "percentage", "high": 100}, "101"),
        ({"default": date(2026, 1, 1)}, "2026-02-30"),
        ({"default": date(2026, 1, 1)}, "20260201"),
        ({"default": time(8, 30)}, "24:00"),
        ({"default": "a", "type": "choice", "choices": (("a", "A"),)}, "b"),
        ({"default": True}, "maybe"),
        ({"default": "x"}, ""),
    ],
)
def test_value_of_another_type_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        made(**given).read(text)


ROWS = {("lodging", "A", "Shanghai"): 400, ("lodging", "", "Shanghai"): 350, ("lodging", "", ""): 300}


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        (("lodging", "A", "Shanghai"), 400),
        (("lodging", "B", "Shanghai"), 350),
        (("lodging", "B", "Wuhu"), 300),
        (("taxi", "A", "Shanghai"), 0),
    ],
)
def test_row_that_names_more_columns_wins(asked: tuple[str, ...], value: int) -> None:
    assert most_exact(ROWS, asked, 0) == value


def test_equally_exact_rows_for_one_case_are_a_tie() -> None:
    assert tie(("lodging", "A", ""), ROWS) == ("lodging", "", "Shanghai")
    assert tie(("taxi", "A", ""), ROWS) is None
    assert tie(("lodging", "", "Shanghai"), ROWS) is None
    assert tie(("", "", ""), ROWS) is None


def test_row_takes_only_known_values_of_its_columns() -> None:
    table = made(default=0, columns=(Column("kind", "Kind", (("taxi", "Taxi"),)), Column("city", "City")))
    assert table.row(["taxi"]) == ("taxi", "")
    for wrong in (["bus"], ["taxi", "A|B"], ["taxi", "", "third"]):
        with pytest.raises(ValueError):  # noqa: PT011
            table.row(wrong)
