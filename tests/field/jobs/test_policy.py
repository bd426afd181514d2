"""The tables of visits and jobs, rule by rule (D-JOB-5, D-JOB-10, D-JOB-11)."""

from __future__ import annotations

from datetime import datetime

import pytest

from fieldapp.field.jobs.policy import (
    AFTER_RESULT,
    INACTIVE_VISIT,
    NEXT_ACTION,
    OPEN_VISIT,
    PROGRESS_ORDER,
    TAPS,
    VISIT,
    JobFacts,
    VisitFacts,
    arrival_check,
    is_late,
    job_state,
    may_dispatch,
    may_refuse,
    may_see_job,
    may_tap,
    progress,
    reachable_states,
    suggest_start,
)
from fieldapp.kernel.actor import Actor

STATES = sorted(PROGRESS_ORDER)

#: Every tap that moves a visit; whatever is not here moves nothing.
MOVES = {
    ("assigned", "accept"): "accepted",
    ("assigned", "set_out"): "en_route",
    ("assigned", "arrive"): "on_site",
    ("assigned", "start"): "working",
    ("assigned", "refuse"): "refused",
    ("accepted", "set_out"): "en_route",
    ("accepted", "arrive"): "on_site",
    ("accepted", "start"): "working",
    ("accepted", "refuse"): "refused",
    ("en_route", "arrive"): "on_site",
    ("en_route", "start"): "working",
    ("on_site", "start"): "working",
    ("on_site", "pause"): "paused",
    ("working", "pause"): "paused",
    ("paused", "resume"): "working",
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("tap", TAPS)
def test_every_tap_in_every_state(state: str, tap: str) -> None:
    assert VISIT.moves.get((state, tap)) == MOVES.get((state, tap))


def test_taps_never_lead_back() -> None:
    """D-JOB-5: only pause and resume stay on one level; everything else goes forward."""
    for (state, tap), after in MOVES.items():
        assert PROGRESS_ORDER[after] >= PROGRESS_ORDER[state], (state, tap)


def test_the_next_action_always_moves_the_visit() -> None:
    for state, tap in NEXT_ACTION.items():
        assert (state, tap) in MOVES


def test_a_report_is_taken_in_every_open_state() -> None:
    """D-JOB-6: forgotten taps never stand in the way of the report."""
    for state in OPEN_VISIT:
        assert VISIT.next(state, "report") == "reported"


def test_reachable_states_lists_every_tap_that_can_still_come() -> None:
    assert dict(reachable_states("assigned")) == {
        "accept": "accepted",
        "set_out": "en_route",
        "arrive": "on_site",
        "start": "working",
        "pause": "paused",
        "resume": "working",
        "refuse": "refused",
    }
    assert dict(reachable_states("working")) == {"pause": "paused", "resume": "working"}
    for state in ("reported", "returned", "accepted_by_leader", "refused", "cancelled"):
        assert reachable_states(state) == ()


@pytest.mark.parametrize("state", STATES)
def test_progress_fits_the_state(state: str) -> None:
    done, at_hand = progress(state)
    assert 0 <= done <= 5
    assert at_hand is None or at_hand == done
    if state in INACTIVE_VISIT:
        assert (done, at_hand) == (0, None)


@pytest.mark.parametrize(
    ("visits", "state"),
    [
        ([], "new"),
        ([("refused", None)], "new"),
        ([("cancelled", None)], "new"),
        ([("assigned", None)], "planned"),
        ([("accepted", None)], "planned"),
        ([("en_route", None)], "in_progress"),
        ([("on_site", None)], "in_progress"),
        ([("working", None)], "in_progress"),
        ([("paused", None)], "in_progress"),
        ([("reported", "solved")], "in_progress"),
        ([("returned", "solved")], "in_progress"),
        ([("accepted_by_leader", "solved")], "solved"),
        ([("accepted_by_leader", "another_visit")], "waiting"),
        ([("accepted_by_leader", "taken_back")], "waiting"),
        ([("accepted_by_leader", "another_visit"), ("assigned", None)], "in_progress"),
        ([("accepted_by_leader", "another_visit"), ("accepted_by_leader", "solved")], "solved"),
        ([("accepted_by_leader", "solved"), ("refused", None)], "solved"),
    ],
)
def test_job_state_follows_from_its_visits(visits: list[tuple[str, str | None]], state: str) -> None:
    """D-JOB-11: one published table."""
    assert job_state(visits) == state


def test_every_result_makes_a_job_state() -> None:
    assert set(AFTER_RESULT) == {"solved", "another_visit", "taken_back", "referred"}


@pytest.mark.parametrize(
    ("here", "reason", "check"),
    [
        ((34.7500, 113.7000, 20), None, "at_site"),
        ((34.7520, 113.7000, 20), None, "at_site"),
        ((34.7600, 113.7000, 20), None, "near_site"),
        ((34.9000, 113.7000, 20), None, "away"),
        ((34.7500, 113.7000, 5000), None, "inaccurate"),
        (None, "denied", "no_position"),
        (None, None, "no_position"),
        (None, "offline", "offline"),
        (None, "mock_position", "mock_position"),
    ],
)
def test_arrival_check(here: tuple[float, float, float] | None, reason: str | None, check: str) -> None:
    """D-JOB-5: one of seven words, at a radius of 300 m."""
    assert arrival_check((34.75, 113.7), here, reason, 300) == check


def test_arrival_at_a_site_whose_place_nobody_knows() -> None:
    assert arrival_check(None, (34.75, 113.7, 20), None, 300) == "no_position"


def person(one: int, **over: object) -> Actor:
    return Actor(one, f"p{one}", f"P{one}", **over)  # type: ignore[arg-type]


FACTS = JobFacts("j", group_id=1, members=frozenset({1, 2}), former=frozenset({3}))
VISIT_FACTS = VisitFacts("v", FACTS, "accepted", "planned", 1, frozenset({1, 2}), frozenset({3}))


@pytest.mark.parametrize(
    ("actor", "sees", "taps", "refuses", "dispatches"),
    [
        (person(1, roles=frozenset({"technician"})), True, True, True, False),
        (person(2, roles=frozenset({"technician"})), True, True, False, False),
        (person(3, roles=frozenset({"technician"})), True, True, True, False),
        (person(4, roles=frozenset({"technician"}), groups=frozenset({1})), False, False, False, False),
        (person(5, roles=frozenset({"leader"}), leads=frozenset({1})), True, False, False, True),
        (person(6, roles=frozenset({"leader"}), leads=frozenset({2})), False, False, False, False),
        (person(7, roles=frozenset({"manager"})), True, False, False, False),
        (person(8, roles=frozenset({"quality"})), True, False, False, False),
        (person(9, roles=frozenset({"purchasing"})), False, False, False, False),
    ],
)
def test_who_may(actor: Actor, sees: bool, taps: bool, refuses: bool, dispatches: bool) -> None:
    """D-JOB-1, D-JOB-10, D-AUD-2."""
    assert may_see_job(actor, FACTS) is sees
    assert may_tap(actor, VISIT_FACTS) is taps
    assert may_refuse(actor, VISIT_FACTS) is refuses
    assert may_dispatch(actor, FACTS) is dispatches


@pytest.mark.parametrize(
    ("who", "state", "job", "late"),
    [
        (1, "accepted", "planned", False),
        (3, "accepted", "planned", True),
        (1, "cancelled", "new", True),
        (1, "refused", "new", True),
        (1, "accepted", "cancelled", True),
    ],
)
def test_late_work(who: int, state: str, job: str, late: bool) -> None:
    """D-JOB-10: cancelled, given back, or given to somebody else meanwhile."""
    facts = VisitFacts("v", FACTS, state, job, 1, frozenset({1, 2}), frozenset({3}))
    assert is_late(person(who), facts) is late


@pytest.mark.parametrize(
    ("now", "minutes", "start"),
    [
        ("2026-11-30 01:28", 60, "2026-11-30 09:00"),  # a Monday, at night
        ("2026-11-30 09:00", 60, "2026-11-30 09:15"),
        ("2026-11-30 10:07", 60, "2026-11-30 10:15"),
        ("2026-11-30 16:59", 60, "2026-11-30 17:00"),
        ("2026-11-30 17:01", 60, "2026-12-01 09:00"),
        ("2026-11-30 23:58", 60, "2026-12-01 09:00"),
        ("2026-11-30 10:00", 600, "2026-12-01 09:00"),
        ("2026-12-04 18:00", 60, "2026-12-07 09:00"),  # a Friday evening
        ("2026-12-05 10:00", 60, "2026-12-07 09:00"),
        ("2026-12-06 23:59", 60, "2026-12-07 09:00"),
    ],
)
def test_a_visit_is_suggested_within_working_time(now: str, minutes: int, start: str) -> None:
    found = suggest_start(datetime.fromisoformat(now), (9, 18), minutes)
    assert found == datetime.fromisoformat(start)
