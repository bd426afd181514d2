"""The comparison by field as a pure function, over every choice of fields (failure modes 51, 53)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.field.jobs.commands.amend import amend
from fieldapp.platform.commandbus.merge import plain, seen, three_way

FIELDS = ("model", "serial_no", "note", "tags", "minutes")
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.sampled_from(["A", "B", "C"]), st.integers(0, 2), st.lists(st.sampled_from("xy"), max_size=2)
)
RECORDS = st.fixed_dictionaries(dict.fromkeys(FIELDS, VALUES))
SOME = st.sets(st.sampled_from(FIELDS))


@given(RECORDS, RECORDS, SOME, SOME)
def test_51_every_field_is_judged_by_itself(before: Any, new: Any, i_change: Any, they_change: Any) -> None:
    mine = {name: new[name] if name in i_change else before[name] for name in FIELDS}
    theirs = {name: ["theirs", before[name]] if name in they_change else before[name] for name in FIELDS}
    verdict = three_way(before, mine, theirs)
    touched = {name for name in i_change if new[name] != before[name]}
    assert set(verdict.disputed) == touched & they_change
    assert set(verdict.mine) == touched - they_change
    assert set(verdict.theirs) == they_change - touched


@given(RECORDS, RECORDS, SOME)
def test_51_the_same_value_by_both_is_nothing(before: Any, new: Any, both: Any) -> None:
    same = {name: new[name] if name in both else before[name] for name in FIELDS}
    verdict = three_way(before, same, same)
    assert (verdict.mine, verdict.theirs, verdict.disputed) == ((), (), ())


@given(RECORDS, RECORDS, RECORDS, SOME, SOME)
def test_51_nothing_is_written_over_that_was_not_seen(before: Any, mine: Any, theirs: Any, had: Any, sent: Any) -> None:
    """Also with half a base and half a record: a field is written only where what stands there was seen or empty."""
    base = {name: before[name] for name in had}
    wish = {name: mine[name] for name in sent}
    verdict = three_way(base, wish, theirs)
    for name in verdict.mine:
        assert theirs[name] == base.get(name)
    kinds = [*verdict.mine, *verdict.theirs, *verdict.disputed]
    assert len(kinds) == len(set(kinds))
    for name in set(FIELDS) - had - sent:
        assert name not in kinds
    for name in sent - had:
        if theirs[name] is not None and wish[name] != theirs[name]:
            assert name in verdict.disputed


@given(RECORDS, RECORDS, RECORDS)
def test_51_a_decision_on_what_holds_now_disputes_nothing_more(before: Any, mine: Any, theirs: Any) -> None:
    """Keeping mine or taking theirs, sent again from the fresh base, always goes through."""
    disputed = three_way(before, mine, theirs).disputed
    for keep in (mine, theirs):
        again = {name: keep[name] if name in disputed else theirs[name] for name in FIELDS}
        assert three_way(theirs, again, theirs).disputed == ()


def test_51_what_was_seen() -> None:
    now = {"model": "B", "note": None}
    assert seen(None, None, 3, now) == {}
    assert seen({"model": " A ", "colour": "red"}, 2, 3, now) == {"model": "A"}
    assert seen({}, 3, 3, now) == now
    assert seen({"model": "A"}, 3, 3, now) == {"model": "A", "note": None}
    assert seen({"model": "A"}, 99, 3, now) == {"model": "A"}


def test_values_compare_as_a_form_shows_them() -> None:
    assert plain("  a\r\nb ") == "a\nb"
    assert plain("") is None
    assert plain(date(2026, 11, 22)) == "2026-11-22"
    assert plain(datetime(2026, 11, 22, 1, 30, 59, tzinfo=UTC)) == "2026-11-22T09:30"
    assert plain(("a", "")) == ["a", None]
    assert plain(60) == 60


def test_money_never_merges() -> None:
    from fieldapp.money.expenses.commands.items import capture
    from fieldapp.platform.commandbus import Merges

    with pytest.raises(TypeError):
        plain(Decimal("1.00"))
    with pytest.raises(TypeError, match="money"):
        replace(capture, merges=Merges(("amount",), lambda record: {}, lambda record: 1))
    assert amend.merges is not None
