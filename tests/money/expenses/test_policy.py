"""Rules of expenses without a database (D-EXP-3, D-EXP-5, D-EXP-8)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fieldapp.kernel.actor import Actor
from fieldapp.money.expenses.policy import (
    CLAIM,
    KINDS,
    ItemFacts,
    Limits,
    OtherItems,
    UsedFapiao,
    fapiao_state,
    findings,
    home_group,
    normalized_number,
)
from fieldapp.money.expenses.words import FINDINGS

TODAY = date(2026, 11, 23)
LIMITS = Limits(days=90, receipt_over=Decimal(0), per_kind={"local_transport": Decimal(50)})


def facts(**over: Any) -> ItemFacts:
    values = {"id": "a", "kind": "local_transport", "amount": Decimal("46"), "spent_on": TODAY, "receipts": 1}
    return ItemFacts(**{**values, **over})


def codes(item: ItemFacts, known: OtherItems | None = None, limits: Limits = LIMITS) -> dict[str, bool]:
    found = findings([item], known or OtherItems(), limits, TODAY)
    return {one.code: one.hard for one in found[item.id]}


def test_an_ordinary_item_has_nothing_against_it() -> None:
    assert codes(facts()) == {}


@pytest.mark.parametrize(("days", "expected"), [(90, {}), (91, {"too_old": True})])
def test_age(days: int, expected: dict[str, bool]) -> None:
    assert codes(facts(spent_on=TODAY - timedelta(days=days))) == expected


def test_missing_receipt_is_soft_until_the_figure_says_otherwise() -> None:
    assert codes(facts(receipts=0)) == {"no_receipt": False}
    strict = Limits(days=90, receipt_over=Decimal(40), per_kind={})
    assert codes(facts(receipts=0), limits=strict) == {"no_receipt": True}
    assert codes(facts(receipts=0, amount=Decimal(40)), limits=strict) == {"no_receipt": False}
    assert codes(facts(receipts=0, kind="per_diem")) == {}


@pytest.mark.parametrize(("amount", "expected"), [("50.00", {}), ("50.01", {"over_limit": False})])
def test_over_the_limit_of_its_kind(amount: str, expected: dict[str, bool]) -> None:
    assert codes(facts(amount=Decimal(amount))) == expected


def test_more_than_the_fapiao_says() -> None:
    assert codes(facts(fapiao=("", "1" * 20), fapiao_amount=Decimal(45))) == {"over_fapiao": False}


def test_kinds_that_need_a_trip() -> None:
    assert codes(facts(kind="taxi")) == {"no_trip": False}


@pytest.mark.parametrize(
    ("mine", "other", "usage", "who", "expected"),
    [
        (("0410", "12345678"), ("0410", "12345678"), "held", "Li", {"fapiao_used": True}),
        (("", "1" * 20), ("", "1" * 20), "held", "", {"fapiao_used": True}),
        (("", "1" * 20), ("", "1" * 20), "captured", "Li", {"fapiao_captured": False}),
        (("", "1" * 20), ("", "1" * 20), "captured", "", {"fapiao_own": False}),
        (("", "1" * 20), ("", "1" * 20), "rejected", "Li", {"fapiao_rejected": False}),
        (("0410", "12345678"), ("0411", "12345678"), "held", "Li", {}),
        (("", "12345678"), ("0411", "12345678"), "held", "Li", {"fapiao_similar": False}),
        (("", ""), ("", ""), "held", "Li", {}),
    ],
)
def test_fapiao_on_an_expense_outside_the_claim(
    mine: tuple[str, str], other: tuple[str, str], usage: str, who: str, expected: dict[str, bool]
) -> None:
    assert codes(facts(fapiao=mine), OtherItems(fapiao=[UsedFapiao(other, usage, who)])) == expected


def test_the_same_item_is_no_duplicate_of_itself() -> None:
    item = facts(fapiao=("", "1" * 20), hashes=frozenset("x"))
    known = OtherItems([], [("a", "x")], [("a", (item.kind, item.amount, item.spent_on))])
    assert codes(item, known) == {}


def test_duplicates_within_one_claim() -> None:
    pair = [facts(fapiao=("", "1" * 20)), facts(id="b", fapiao=("", "1" * 20))]
    found = findings(pair, OtherItems(), LIMITS, TODAY)
    assert {one.code for one in found["b"]} == {"same_again"}


@pytest.mark.parametrize(("second", "remark"), [("40.00", set()), ("40.01", {"over_fapiao_together"})])
def test_expenses_of_one_fapiao_in_one_claim_add_up(second: str, remark: set[str]) -> None:
    fapiao: dict[str, Any] = {"fapiao": ("", "1" * 20), "fapiao_amount": Decimal("86.00")}
    pair = [facts(**fapiao), facts(id="b", amount=Decimal(second), **fapiao)]
    found = findings(pair, OtherItems(), LIMITS, TODAY)
    assert {one.code for one in found["a"]} == {one.code for one in found["b"]} == remark


def test_same_photo_and_same_day() -> None:
    assert codes(facts(hashes=frozenset({"x"})), OtherItems(photos=[("b", "x")])) == {"photo_used": False}
    alike = ("local_transport", Decimal(46), TODAY)
    assert codes(facts(), OtherItems(alike=[("b", alike)])) == {"same_again": False}


def test_a_per_diem_is_never_claimed_twice() -> None:
    other = ("per_diem", Decimal(30), TODAY)
    assert codes(facts(kind="per_diem"), OtherItems(alike=[("b", other)])) == {"per_diem_twice": True}


@pytest.mark.parametrize("state", sorted(CLAIM.states))
def test_only_implemented_moves_are_reachable(state: str) -> None:
    assert set(CLAIM.verbs(state)) <= {"submit", "approved", "returned", "rejected", "withdraw"}


def test_findings_have_words() -> None:
    assert "per_diem" not in KINDS
    assert FINDINGS


@pytest.mark.parametrize(
    ("state", "life"),
    [
        *((state, "free") for state in ("open", "rejected", "discarded")),
        *((state, "held") for state in ("claimed", "approved", "returned")),
        ("paid", "consumed"),
    ],
)
def test_life_of_a_fapiao(state: str, life: str) -> None:
    assert fapiao_state("1", state) == life
    assert fapiao_state("", state) == "none"


def test_numbers_are_compared_without_their_dress() -> None:
    assert normalized_number(" 0410-0318 ab ") == "04100318AB"
    assert normalized_number(None) == ""


def test_group_of_an_expense() -> None:
    tech = Actor(1, "t", "T", roles=frozenset({"technician"}), groups=frozenset({1}))
    finance = Actor(3, "f", "F", roles=frozenset({"finance"}))
    assert home_group(finance) is None
    assert home_group(tech, job_group=2) == 1
