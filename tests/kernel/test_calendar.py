"""Working time (D-SLA-5): examples of the rule book, and properties of any calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fieldapp.kernel.calendar import (
    USUAL,
    USUAL_WEEK,
    Shift,
    WorkingCalendar,
    parse_shifts,
    show_shifts,
)
from fieldapp.kernel.clock import BUSINESS_ZONE

NATIONAL_DAY = {date(2026, 10, day): () for day in range(1, 8)}
MAKE_UP = {date(2026, 9, 20): USUAL, date(2026, 10, 10): USUAL}
CHINA = WorkingCalendar(days={**NATIONAL_DAY, **MAKE_UP})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE)


def test_one_working_day_from_friday_is_the_same_time_on_monday() -> None:
    assert CHINA.add_working_days(at("2026-12-18 16:30"), 1) == at("2026-12-21 16:30")


def test_one_working_day_before_national_day_is_the_same_time_after_it() -> None:
    assert CHINA.add_working_days(at("2026-09-30 17:00"), 1) == at("2026-10-08 17:00")


def test_make_up_saturday_counts_as_a_working_day() -> None:
    assert CHINA.add_working_days(at("2026-10-09 10:00"), 1) == at("2026-10-10 10:00")
    assert CHINA.add_working_days(at("2026-10-16 10:00"), 1) == at("2026-10-19 10:00")


def test_working_day_that_starts_outside_working_time_ends_with_the_next_one() -> None:
    assert CHINA.add_working_days(at("2026-12-19 10:00"), 1) == at("2026-12-21 17:30")


def test_limit_that_fills_a_day_ends_with_it() -> None:
    assert CHINA.add_working(at("2026-12-18 08:30"), 9 * 3600) == at("2026-12-18 17:30")


def test_working_time_leaves_out_nights_and_holidays() -> None:
    assert CHINA.working_between(at("2026-09-30 17:00"), at("2026-10-08 09:00")) == 3600
    assert CHINA.working_between(at("2026-10-08 09:00"), at("2026-09-30 17:00")) == -3600


def test_night_shift_runs_into_a_holiday() -> None:
    night = WorkingCalendar(week=((Shift(22 * 60, 30 * 60),),) * 7, days=NATIONAL_DAY)
    assert night.working_between(at("2026-09-30 21:00"), at("2026-10-01 12:00")) == 8 * 3600
    assert night.next_working(at("2026-10-01 03:00")) == at("2026-10-01 03:00")
    assert night.next_working(at("2026-10-01 06:00")) == at("2026-10-08 22:00")
    assert night.previous_working(at("2026-10-08 20:00")) == at("2026-10-01 06:00")


def test_overlapping_shifts_of_two_days_count_once() -> None:
    long = WorkingCalendar(week=((Shift(8 * 60, 32 * 60),),) * 7)
    assert long.working_between(at("2026-11-02 00:00"), at("2026-11-04 00:00")) == 48 * 3600
    mixed = WorkingCalendar(week=((Shift(0, 600), Shift(20 * 60, 30 * 60)),) * 7)
    assert mixed.working_between(at("2026-11-02 00:00"), at("2026-11-03 00:00")) == 14 * 3600


def test_lunch_break_keeps_the_time_of_day() -> None:
    office = parse_shifts("08:30-12:00, 13:00-17:30")
    week = WorkingCalendar(week=(office,) * 5 + ((),) * 2)
    assert week.usual_day == 8 * 3600
    assert week.add_working_days(at("2026-12-18 11:45"), 2) == at("2026-12-22 11:45")


def test_next_and_previous_working_moment() -> None:
    assert CHINA.next_working(at("2026-12-18 17:30")) == at("2026-12-21 08:30")
    assert CHINA.next_working(at("2026-12-18 12:00")) == at("2026-12-18 12:00")
    assert CHINA.previous_working(at("2026-12-21 08:30")) == at("2026-12-18 17:30")
    assert CHINA.previous_working(at("2026-12-21 08:31")) == at("2026-12-21 08:31")


def test_own_days_of_a_group_come_before_those_of_the_company() -> None:
    group = CHINA.with_days({date(2026, 10, 2): USUAL, date(2026, 12, 18): ()})
    assert group.is_working_day(date(2026, 10, 2))
    assert not CHINA.is_working_day(date(2026, 10, 2))
    assert not group.is_working_day(date(2026, 12, 18))


def test_calendar_without_working_time_is_an_error_and_not_an_endless_search() -> None:
    never = WorkingCalendar(week=((),) * 7)
    for question in (
        lambda: never.add_working(at("2026-11-02 08:00"), 1),
        lambda: never.next_working(at("2026-11-02 08:00")),
    ):
        with pytest.raises(ValueError, match="no working time"):
            question()
    assert never.working_between(at("2026-11-02 08:00"), at("2026-12-02 08:00")) == 0


@pytest.mark.parametrize("text", ["", "8-12", "25:00-26:00", "08:30-12:00, 11:00-13:00", "24:00-08:00", "08:60-09:00"])
def test_shifts_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_shifts(text)


def test_shifts_are_shown_as_they_are_read() -> None:
    assert show_shifts(parse_shifts("22:00–06:00，08:30-12:00")) == "08:30-12:00, 22:00-06:00"


@st.composite
def day_shifts(draw: Any) -> tuple[Shift, ...]:
    """Up to three shifts, the last one perhaps over midnight."""
    cuts = sorted(draw(st.sets(st.integers(0, 2000), min_size=0, max_size=6)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return tuple(Shift(one, other) for one, other in pairs if one < 1440 and other <= one + 1440)


@st.composite
def calendars(draw: Any) -> WorkingCalendar:
    week = tuple(draw(day_shifts()) for _ in range(7))
    assume(any(week))
    days = draw(st.dictionaries(st.dates(date(2026, 9, 1), date(2026, 12, 31)), day_shifts(), max_size=8))
    return WorkingCalendar(week=week, days=days)


moments = st.datetimes(datetime(2026, 9, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
amounts = st.integers(0, 20 * 86_400)


@given(calendars(), moments, amounts)
def test_added_working_time_lies_between(calendar: WorkingCalendar, start: datetime, seconds: int) -> None:
    assert calendar.working_between(start, calendar.add_working(start, seconds)) == seconds


@given(calendars(), moments, amounts)
def test_added_working_time_ends_as_early_as_possible(calendar: WorkingCalendar, start: datetime, seconds: int) -> None:
    end = calendar.add_working(start, seconds)
    assert seconds == 0 or calendar.working_between(start, end - timedelta(seconds=1)) == seconds - 1


@given(calendars(), moments, amounts, amounts)
def test_adding_twice_is_adding_the_sum(calendar: WorkingCalendar, start: datetime, one: int, other: int) -> None:
    assert calendar.add_working(calendar.add_working(start, one), other) == calendar.add_working(start, one + other)


@given(calendars(), moments, moments, amounts, amounts)
def test_later_start_and_longer_limit_never_end_earlier(
    calendar: WorkingCalendar, start: datetime, later: datetime, less: int, more: int
) -> None:
    start, later = sorted((start, later))
    less, more = sorted((less, more))
    assert calendar.add_working(start, less) <= calendar.add_working(later, more)


@given(calendars(), st.lists(moments, min_size=2, max_size=6))
def test_working_time_does_not_depend_on_how_a_span_is_cut(calendar: WorkingCalendar, cuts: list[datetime]) -> None:
    cuts.sort()
    pieces = sum(calendar.working_between(one, other) for one, other in pairwise(cuts))
    assert pieces == calendar.working_between(cuts[0], cuts[-1])


@given(calendars(), moments)
def test_no_working_time_lies_before_the_next_or_after_the_previous_working_moment(
    calendar: WorkingCalendar, moment: datetime
) -> None:
    following, before = calendar.next_working(moment), calendar.previous_working(moment)
    assert before <= moment.replace(microsecond=0) <= following
    assert calendar.working_between(moment, following) == calendar.working_between(before, moment) == 0
    second = timedelta(seconds=1)
    assert calendar.working_between(following, following + second) == 1
    assert calendar.working_between(before - second, before) == 1


def test_the_usual_week_is_monday_to_friday() -> None:
    assert [bool(shifts) for shifts in USUAL_WEEK] == [True] * 5 + [False] * 2
