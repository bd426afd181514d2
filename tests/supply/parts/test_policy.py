"""The rules of parts requests by themselves: chain, states, one need in pieces, who sees (D-PART-2, D-PART-3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import IllegalMove, Tone
from fieldapp.supply.parts.policy import (
    REQUEST,
    Line,
    RequestFacts,
    RequestSummary,
    are_similar,
    author_verbs,
    chain_roles,
    final_approval_state,
    may_apply,
    may_see_request,
    split_of,
    state_after_approval,
    tone_of,
    total_of,
)
from fieldapp.supply.parts.words import STATES

LIMIT = Decimal("500.00")
DAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
prices = st.decimals(min_value="0.01", max_value="9999.99", places=2)


def line(
    price: str, qty: int = 1, name: str = "Mainboard", part: str | None = None, list_price: str | None = None
) -> Line:
    return Line(name, qty, Decimal(price), part, None if list_price is None else Decimal(list_price))


def asked(name: str, days: float, *lines: Line) -> RequestSummary:
    return RequestSummary(name, DAY + timedelta(days=days), lines)


@pytest.mark.parametrize(
    ("price", "chain"),
    [
        ("499.99", ["leader"]),
        ("500.00", ["leader", "purchasing", "executive"]),
        ("500.01", ["leader", "purchasing", "executive"]),
    ],
)
def test_exactly_the_limit_goes_up(price: str, chain: list[str]) -> None:
    assert chain_roles([line(price)], LIMIT) == chain


def test_the_unit_price_decides_and_not_the_quantity() -> None:
    assert chain_roles([line("499.99", 999)], LIMIT) == ["leader"]
    assert chain_roles([line("100.00"), line("100.00"), line("500.00")], LIMIT)[-1] == "executive"


@given(st.lists(st.tuples(prices, st.integers(1, 999)), min_size=1, max_size=20))
def test_the_chain_follows_from_the_dearest_item(items: list[tuple[Decimal, int]]) -> None:
    lines = [Line("Part", qty, price) for price, qty in items]
    assert (len(chain_roles(lines, LIMIT)) == 3) == (max(price for price, _ in items) >= LIMIT)
    assert total_of(lines) == sum(price * qty for price, qty in items)


def test_every_approval_is_a_step_of_its_own() -> None:
    assert state_after_approval("submitted", False, closed=True) == "approved_by_leader"
    assert state_after_approval("submitted", True, closed=False) == "approved_by_leader"
    assert state_after_approval("approved_by_leader", True, closed=False) == "approved_by_purchasing"
    assert state_after_approval("approved_by_purchasing", True, closed=True) == "approved_by_executive"


def test_one_person_in_two_roles_closes_the_chain_early() -> None:
    assert state_after_approval("approved_by_leader", True, closed=True) == "approved_by_executive"


@pytest.mark.parametrize(
    "state", sorted(REQUEST.states.keys() - {"submitted", "approved_by_leader", "approved_by_purchasing"})
)
def test_what_is_decided_is_not_decided_again(state: str) -> None:
    for verb in ("approve", "return", "reject"):
        with pytest.raises(IllegalMove):
            REQUEST.next(state, verb)


def test_the_states_are_those_of_the_rule_book() -> None:
    assert REQUEST.states.keys() == {
        "submitted",
        "approved_by_leader",
        "approved_by_purchasing",
        "approved_by_executive",
        "ordered",
        "authorised_to_buy",
        "received",
        "handed_over",
        "used",
        "returned",
        "rejected",
        "returned_for_correction",
        "withdrawn",
        "cancelled",
    }
    assert STATES.keys() <= REQUEST.states.keys()


@pytest.mark.parametrize("verb", ["order", "authorise"])
def test_nothing_is_bought_before_everybody_said_yes(verb: str) -> None:
    assert may_apply("approved_by_leader", verb, is_high=False)
    assert not may_apply("approved_by_leader", verb, is_high=True)
    assert may_apply("approved_by_executive", verb, is_high=True)
    assert not may_apply("submitted", verb, is_high=False)


def test_from_order_to_use() -> None:
    state = "approved_by_leader"
    for verb in ("order", "receive", "hand_over", "use"):
        assert may_apply(state, verb, is_high=False)
        state = REQUEST.next(state, verb)
    assert state == "used"
    assert REQUEST.next("handed_over", "give_back") == "returned"
    assert REQUEST.next("authorised_to_buy", "receive") == "received"


def test_tone_of_an_approval_depends_on_what_follows() -> None:
    assert tone_of("approved_by_leader", False) == Tone.GOOD
    assert tone_of("approved_by_leader", True) == Tone.WAITING
    assert tone_of(final_approval_state(True), True) == Tone.GOOD
    assert {tone_of("rejected", False), tone_of("returned_for_correction", False)} == {Tone.BAD}
    assert tone_of("withdrawn", False) == Tone.CALM


# -- one need in pieces ----------------------------------------------------------------------------------------


def test_a_single_request_says_nothing() -> None:
    assert split_of(asked("a", 0, line("620.00")), [], 7, LIMIT) is None


def test_the_second_request_of_a_job_is_pointed_out_with_the_sum() -> None:
    first, second = asked("a", -6, line("186.00", 1, "Antenna")), asked("b", 0, line("310.00", 2, "Camera"))
    split = split_of(second, [first], 7, LIMIT)
    assert split is not None
    assert (split.number, split.requests, split.sum) == (2, 2, Decimal("806.00"))
    assert split.reaches_limit
    assert split.repeated == ()


def test_the_first_one_is_pointed_out_too_once_another_follows() -> None:
    first, second = asked("a", 0, line("10.00", 1, "Fuse")), asked("b", 2, line("20.00", 1, "Camera"))
    split = split_of(first, [second], 7, LIMIT)
    assert split is not None
    assert (split.number, split.has_others, split.sum, split.reaches_limit) == (1, True, Decimal("30.00"), False)


@pytest.mark.parametrize(("days", "seen"), [(7, True), (-7, True), (7.01, False), (-7.01, False)])
def test_the_window_is_seven_days(days: float, seen: bool) -> None:
    this, other = asked("a", 0, line("10.00")), asked("b", days, line("10.00"))
    assert (split_of(this, [other], 7, LIMIT) is not None) == seen


def test_one_item_in_several_lines_of_one_request() -> None:
    this = asked("a", 0, line("260.00", 1, "Mainboard (left)"), line("260.00", 1, "mainboard"), line("5.00", 1, "Fuse"))
    split = split_of(this, [], 7, LIMIT)
    assert split is not None
    assert not split.has_others
    assert [(one.lines, one.sum) for one in split.repeated] == [(2, Decimal("520.00"))]
    assert split.reaches_limit


def test_different_catalogue_parts_are_different_things() -> None:
    this = asked("a", 0, line("62.00", 1, "Antenna", "p1"), line("31.00", 1, "Antenna cable", "p2"))
    assert split_of(this, [], 7, LIMIT) is None


@pytest.mark.parametrize(
    ("estimate", "list_price", "steps"), [("1.00", "500.00", 3), ("1.00", "499.99", 1), ("500.00", "1.00", 3)]
)
def test_the_chain_follows_the_higher_of_estimate_and_list_price(estimate: str, list_price: str, steps: int) -> None:
    assert len(chain_roles([line(estimate, list_price=list_price)], LIMIT)) == steps


def test_one_thing_asked_for_three_times_by_one_person_without_a_job() -> None:
    day = [asked(name, hours / 24, line("499.99", 5, "Camera")) for hours, name in enumerate("abc")]
    split = split_of(day[2], [], 7, LIMIT, by_person=day[:2])
    assert split is not None
    assert split.by_person is not None
    assert (split.by_person.lines, split.by_person.sum, split.reaches_limit) == (3, Decimal("7499.85"), True)


def test_other_things_of_the_same_person_are_no_split() -> None:
    other = asked("a", 0, line("300.00", 1, "Fuse"))
    assert split_of(asked("b", 1, line("300.00", 1, "Camera")), [], 7, LIMIT, by_person=[other]) is None


def test_a_line_that_went_up_properly_counts_in_no_split() -> None:
    other = asked("a", 0, line("620.00", 1, "Camera"))
    assert split_of(asked("b", 1, line("300.00", 1, "Camera")), [], 7, LIMIT, by_person=[other]) is None


@pytest.mark.parametrize(("days", "seen"), [(7, True), (-7, True), (7.01, False), (-7.01, False)])
def test_the_window_is_seven_days_for_one_person_too(days: float, seen: bool) -> None:
    this, other = asked("a", 0, line("300.00")), asked("b", days, line("300.00"))
    assert (split_of(this, [], 7, LIMIT, by_person=[other]) is not None) == seen


def test_a_request_of_the_same_job_and_person_counts_once() -> None:
    this, other = asked("a", 0, line("300.00", 1, "Camera")), asked("b", 1, line("300.00", 1, "Camera"))
    split = split_of(this, [other], 7, LIMIT, by_person=[other, this])
    assert split is not None
    assert (split.requests, split.sum, split.by_person) == (2, Decimal("600.00"), None)


def test_a_request_that_goes_up_anyway_hides_nothing() -> None:
    split = split_of(asked("b", 1, line("620.00")), [asked("a", 0, line("186.00", 1, "Fuse"))], 7, LIMIT)
    assert split is not None
    assert not split.reaches_limit


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Mainboard", "mainboard 72", True),
        ("Main-board", "main board", True),
        ("Temperature probe 5 m", "Temperature probe, 3 m", True),
        ("Fuse", "Antenna", False),
        ("", "Fuse", False),
        ("!!", "??", True),
    ],
)
def test_similar_names(a: str, b: str, same: bool) -> None:
    assert are_similar(a, b) == are_similar(b, a) == same


@given(st.text(max_size=100), st.text(max_size=100))
def test_likeness_is_mutual_and_never_fails(a: str, b: str) -> None:
    assert are_similar(a, b) == are_similar(b, a)
    assert are_similar(a, a)


# -- who -------------------------------------------------------------------------------------------------------


def person(*roles: str, leads: tuple[int, ...] = ()) -> Actor:
    return Actor(7, "p", "P", frozenset(roles), frozenset(leads), frozenset(leads))


SMALL, HIGH = RequestFacts(1, 1, False), RequestFacts(1, 1, True)


@pytest.mark.parametrize(
    ("who", "small", "high"),
    [
        (person("technician"), False, False),
        (person("leader", leads=(1,)), True, True),
        (person("leader", leads=(2,)), False, False),
        (person("purchasing"), False, True),
        (person("executive"), False, True),
        (person("manager"), True, True),
        (person("finance"), True, True),
        (person("quality"), True, True),
        (person("hr"), False, False),
        (person("admin"), False, False),
    ],
)
def test_who_sees(who: Actor, small: bool, high: bool) -> None:
    assert (may_see_request(who, SMALL), may_see_request(who, HIGH)) == (small, high)


def test_the_author_sees_and_corrects_the_own_one() -> None:
    own = RequestFacts(7, 2, False, "returned_for_correction")
    assert may_see_request(person("technician"), own)
    assert set(author_verbs(person("technician"), own)) == {"resubmit", "withdraw"}
    assert author_verbs(person("technician"), RequestFacts(1, 2, False)) == ()
    assert author_verbs(person("technician"), RequestFacts(7, 2, True, "approved_by_leader")) == ()
