"""The pure rooms: time, ids, money, states, roles."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.kernel import clock, ids, money
from fieldapp.kernel.states import IllegalMove, Machine, State


@given(st.decimals(min_value=0, max_value=10**7, places=2))
def test_money_survives_the_way_into_the_database_and_back(amount: Decimal) -> None:
    assert money.yuan(money.fen(amount)) == amount


def test_money_with_a_fraction_of_a_fen_is_refused() -> None:
    with pytest.raises(ValueError, match="two decimal places"):
        money.fen(Decimal("0.001"))


@pytest.mark.parametrize(
    ("price", "quantity", "sum_"), [("62.00", 2, "124.00"), ("0.01", 3, "0.03"), ("33.33", 3, "99.99")]
)
def test_price_by_quantity(price: str, quantity: int, sum_: str) -> None:
    assert money.times(Decimal(price), quantity) == Decimal(sum_)


def test_uuid7_sorts_by_time_and_is_canonical() -> None:
    made = [str(ids.uuid7()) for _ in range(200)]
    assert all(ids.is_uuid(one) for one in made)
    assert len(set(made)) == 200
    assert [one[:8] for one in made] == sorted(one[:8] for one in made)


@pytest.mark.parametrize("text", ["", "x", None, 5, "01890000-0000-7000-8000-00000000000G", "{0}", "A" * 36])
def test_what_is_no_uuid(text: object) -> None:
    assert not ids.is_uuid(text)


@given(st.uuids() | st.text() | st.from_regex(r"[0-9a-fA-F]{8}-?([0-9a-f]{4}-){3}[0-9a-f_]{12}\n?", fullmatch=True))
def test_a_uuid_is_canonical_if_reading_and_writing_it_gives_the_same(value: object) -> None:
    text = str(value)
    try:
        canonical = str(UUID(text)) == text
    except ValueError:
        canonical = False
    assert ids.is_uuid(text) == canonical


@given(st.datetimes(datetime(1970, 1, 1), datetime(8999, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_an_instant_on_the_wire_is_read_back_to_the_millisecond(moment: datetime) -> None:
    text = clock.iso(moment)
    assert len(text) == len("2026-11-22T09:14:03.120Z")
    assert clock.parse_iso(text) == moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    ("month", "first", "after"),
    [("2026-11", date(2026, 11, 1), date(2026, 12, 1)), ("2026-12", date(2026, 12, 1), date(2027, 1, 1))],
)
def test_months(month: str, first: date, after: date) -> None:
    assert clock.month_bounds(month) == (first, after)


@pytest.mark.parametrize("month", ["2026-13", "11-2026", "", "2026", "abcd-ef"])
def test_what_is_no_month(month: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        clock.month_bounds(month)


def test_55_a_day_of_business_begins_at_its_own_midnight() -> None:
    start, end = clock.day_bounds(date(2026, 11, 22))
    assert start == datetime(2026, 11, 21, 16, tzinfo=UTC)
    assert end == datetime(2026, 11, 22, 16, tzinfo=UTC)


def test_instants_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        clock.parse_iso("2026-11-22T09:14:03")


def test_a_machine_knows_its_moves_and_no_others() -> None:
    machine = Machine({"a": State("A"), "b": State("B")}, {("a", "go"): "b", ("b", "back"): "a"}, start="a")
    assert machine.next("a", "go") == "b"
    assert machine.verbs("a") == ("go",)
    assert list(machine.defects()) == []
    with pytest.raises(IllegalMove):
        machine.next("b", "go")


def test_machine_names_states_that_are_not_reached_or_not_left() -> None:
    states = {"a": State("A"), "b": State("B"), "c": State("C", final=True), "d": State("D", final=True)}
    machine = Machine(states, {("a", "go"): "b", ("a", "end"): "d", ("d", "back"): "a"}, start="a")
    assert list(machine.defects()) == [
        "b is never left and not declared final",
        "c is never reached",
        "d is final and is left",
    ]


def test_machine_with_a_move_to_an_undeclared_state_is_refused() -> None:
    with pytest.raises(ValueError, match="states without words: b"):
        Machine({"a": State("A")}, {("a", "go"): "b"}, start="a")


@pytest.mark.parametrize(
    ("device", "reference"),
    [
        ("0a1b2c3d-0000-4000-8000-000000000001", "QK-0042"),
        ("3f2c9a10-7b1d-4e55-9c0e-5a6b7c8d9e0f", "J5-0042"),
        ("ffffffff-ffff-4fff-bfff-ffffffffffff", "MJ-0042"),
    ],
)
def test_a_record_is_referred_to_as_its_phone_does(device: str, reference: str) -> None:
    """The codes are what the client's engine/ids.ts makes of these devices."""
    assert ids.short_reference(device, 42) == reference
