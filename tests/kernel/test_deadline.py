"""Deadlines (D-SLA-5, D-SLA-7): examples of the rule book, and properties of any sequence of events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.kernel.calendar import WorkingCalendar
from fieldapp.kernel.clock import BUSINESS_ZONE
from fieldapp.kernel.deadline import AROUND_THE_CLOCK, Derived, Event, Limit, derive, next_round_limit

CHINA = WorkingCalendar(days={date(2026, 10, day): () for day in range(1, 8)})
DAY = CHINA.usual_day
FRIDAY = "2026-12-18 16:30"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE)


def start(text: str, days: float = 1, calendar: WorkingCalendar = CHINA) -> Event:
    return Event(at(text), "start", limit=Limit(int(days * DAY), calendar))


def now(*events: Event, moment: str = "2026-12-18 17:00") -> Derived:
    return derive(events, at(moment))


def test_opened_on_friday_one_working_day_is_due_on_monday_at_the_same_time() -> None:
    found = now(start(FRIDAY))
    assert (found.state, found.due_at) == ("running", at("2026-12-21 16:30"))
    assert found.warn_at == at("2026-12-21 14:15")


def test_opened_before_national_day_is_due_after_it() -> None:
    found = now(start("2026-09-30 17:00"), moment="2026-10-03 12:00")
    assert found.due_at == at("2026-10-08 17:00")
    assert (found.used_s, found.paused_s) == (1800, 0)
    assert found.off_s == 67 * 3600 - 1800


def test_emergency_runs_round_the_clock() -> None:
    emergency = Event(at("2026-12-19 23:00"), "start", limit=Limit(4 * 3600, AROUND_THE_CLOCK))
    assert now(emergency, moment="2026-12-20 00:00").due_at == at("2026-12-20 03:00")


def test_a_pause_moves_the_limit_and_has_no_due_time() -> None:
    events = [start(FRIDAY), Event(at("2026-12-18 17:00"), "pause", "parts")]
    found = now(*events, moment="2026-12-22 10:00")
    assert (found.state, found.due_at, found.warn_at, found.used_s) == ("paused", None, None, 1800)
    events.append(Event(at("2026-12-22 09:30"), "resume", "parts"))
    found = now(*events, moment="2026-12-22 10:00")
    # On hold: half an hour on Friday, Monday, and an hour on Tuesday.
    assert (found.state, found.used_s, found.paused_s) == ("running", 3600, 1800 + DAY + 3600)
    assert found.due_at == at("2026-12-23 09:00")


def test_several_reasons_at_once_are_one_pause() -> None:
    events = [
        start("2026-12-21 08:30"),
        Event(at("2026-12-21 09:00"), "pause", "parts"),
        Event(at("2026-12-21 10:00"), "pause", "customer"),
        Event(at("2026-12-21 11:00"), "resume", "parts"),
        Event(at("2026-12-21 12:00"), "resume", "customer"),
    ]
    found = now(*events, moment="2026-12-21 13:00")
    assert (found.used_s, found.paused_s, found.due_at) == (5400, 3 * 3600, at("2026-12-22 11:30"))


def test_ended_in_time_and_too_late() -> None:
    due = at("2026-12-21 16:30")
    met = derive([start(FRIDAY), Event(due, "stop")], at("2026-12-25 09:00"))
    assert (met.state, met.missed_s, met.ended_at, met.used_s) == ("met", 0, due, DAY)
    late = derive([start(FRIDAY), Event(at("2026-12-22 09:30"), "stop")], at("2026-12-25 09:00"))
    assert (late.state, late.missed_s) == ("missed", 3600 + 3600)


def test_still_running_after_the_limit_is_missed() -> None:
    found = now(start(FRIDAY), moment="2026-12-21 16:30")
    assert (found.state, found.ended_at, found.missed_s) == ("missed", None, 0)


def test_a_stop_recorded_offline_keeps_the_limit_after_all() -> None:
    assert now(start(FRIDAY), moment="2026-12-22 12:00").state == "missed"
    found = now(start(FRIDAY), Event(at("2026-12-21 16:00"), "stop"), moment="2026-12-22 12:00")
    assert (found.state, found.missed_s) == ("met", 0)


def test_raised_urgency_takes_the_earlier_of_both_limits() -> None:
    raised = Event(at("2026-12-18 17:00"), "raise", limit=Limit(4 * 3600, AROUND_THE_CLOCK))
    assert now(start(FRIDAY), raised, moment="2026-12-18 18:00").due_at == at("2026-12-18 21:00")
    raised = Event(at("2026-12-21 16:00"), "raise", limit=Limit(4 * 3600, AROUND_THE_CLOCK))
    assert now(start(FRIDAY), raised, moment="2026-12-21 16:10").due_at == at("2026-12-21 16:30")


def test_lowered_urgency_counts_from_the_start_and_keeps_pauses() -> None:
    events = [
        Event(at("2026-12-21 08:30"), "start", limit=Limit(4 * 3600, AROUND_THE_CLOCK)),
        Event(at("2026-12-21 09:30"), "pause", "customer"),
        Event(at("2026-12-21 10:30"), "resume", "customer"),
        Event(at("2026-12-21 11:00"), "lower", limit=Limit(DAY, CHINA)),
    ]
    found = now(*events, moment="2026-12-21 11:00")
    assert (found.due_at, found.used_s, found.paused_s) == (at("2026-12-22 09:30"), 5400, 3600)


def test_a_date_set_by_hand_is_not_moved_by_pauses() -> None:
    fixed = at("2026-12-23 12:00")
    events = [
        start(FRIDAY),
        Event(at("2026-12-18 17:00"), "fix", "customer wants Wednesday", due_at=fixed),
        Event(at("2026-12-21 09:00"), "pause", "parts"),
    ]
    found = now(*events, moment="2026-12-22 10:00")
    assert (found.state, found.due_at, found.fixed_by_hand) == ("running", fixed, True)
    assert found.warn_at is not None
    assert found.warn_at < fixed
    assert now(*events, moment="2026-12-23 12:00").state == "missed"


def test_a_cancelled_deadline_is_neither_met_nor_missed() -> None:
    found = now(start(FRIDAY), Event(at("2026-12-25 09:00"), "cancel"), moment="2026-12-26 09:00")
    assert (found.state, found.missed_s) == ("cancelled", 0)


def test_the_next_round_has_at_least_a_working_day() -> None:
    early = now(start(FRIDAY, 3), Event(at("2026-12-18 17:30"), "stop"))
    late = now(start(FRIDAY, 1), Event(at("2026-12-21 16:00"), "stop"), moment="2026-12-21 17:00")
    assert next_round_limit(early, CHINA).seconds == 3 * DAY - 3600
    assert next_round_limit(late, CHINA).seconds == DAY


def test_a_deadline_needs_a_start_and_a_limit() -> None:
    for events in ([], [Event(at(FRIDAY), "stop")], [Event(at(FRIDAY), "start")]):
        with pytest.raises(ValueError, match="needs a"):
            derive(events, at(FRIDAY))


# -- properties ---------------------------------------------------------------------------------------------------

BEGIN = at("2026-09-28 08:00").astimezone(UTC)
moments = st.integers(0, 30 * 86_400).map(lambda seconds: BEGIN + timedelta(seconds=seconds))
reasons = st.sampled_from(["parts", "customer", "weather"])


@st.composite
def pauses(draw: Any) -> list[Event]:
    """Up to six pauses and resumptions in any order, at different moments."""
    times = draw(st.lists(moments, max_size=6, unique=True))
    return [Event(moment, draw(st.sampled_from(["pause", "resume"])), draw(reasons)) for moment in times]


limits = st.integers(1, 5 * DAY)


@given(pauses(), limits, moments)
def test_time_is_used_on_hold_or_outside_working_time(events: list[Event], limit: int, until: datetime) -> None:
    first = Event(BEGIN, "start", limit=Limit(limit, CHINA))
    found = derive([first, *events, Event(until, "stop")], BEGIN)
    assert found.used_s + found.paused_s == CHINA.working_between(BEGIN, until)
    assert found.used_s + found.paused_s + found.off_s == (until - BEGIN).total_seconds()
    assert found.missed_s == max(found.used_s - limit, 0)
    assert (found.state == "missed") >= (found.missed_s > 0)


@given(pauses(), limits, st.randoms(use_true_random=False), moments)
def test_the_order_in_which_events_arrive_does_not_matter(
    events: list[Event], limit: int, chance: Any, until: datetime
) -> None:
    first = Event(BEGIN, "start", limit=Limit(limit, CHINA))
    shuffled = [first, *events]
    chance.shuffle(shuffled)
    assert derive(shuffled, until) == derive([first, *events], until)


@given(pauses(), limits, moments)
def test_at_the_due_time_the_limit_is_used_up(events: list[Event], limit: int, until: datetime) -> None:
    first = Event(BEGIN, "start", limit=Limit(limit, CHINA))
    found = derive([first, *events], until)
    if found.due_at is not None:
        earlier = [event for event in events if event.at <= found.due_at]
        stopped = derive([first, *earlier, Event(found.due_at, "stop")], until)
        assert (stopped.state, stopped.used_s) == ("met", limit)
        assert found.warn_at is not None
        assert found.warn_at <= found.due_at
    else:
        assert found.state == "paused"
        assert found.used_s < limit


@given(pauses(), limits, st.integers(1, DAY), moments)
def test_raising_never_moves_the_due_time_back_and_lowering_never_forward(
    events: list[Event], limit: int, other: int, moment: datetime
) -> None:
    first = Event(BEGIN, "start", limit=Limit(limit, CHINA))
    before = derive([first, *events], BEGIN).due_at
    raised = derive([first, *events, Event(moment, "raise", limit=Limit(other, AROUND_THE_CLOCK))], BEGIN).due_at
    assert before is None or (raised is not None and raised <= before)
    lowered = derive([first, *events, Event(moment, "lower", limit=Limit(limit + other, CHINA))], BEGIN).due_at
    assert lowered is None or (before is not None and lowered >= before)
