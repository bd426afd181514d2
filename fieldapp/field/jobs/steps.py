"""The progress of a visit for its page: five steps, the next actions, and previews for taps that are not sent yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from fieldapp.field.jobs import words
from fieldapp.field.jobs.policy import NEXT_ACTION, OPEN_VISIT, SECONDARY_ACTIONS, TO_REPORT, progress, reachable_states
from fieldapp.platform.web.states import ShownState

#: Verb -> index of the step it completes. Until the server has the tap, the phone knows its time.
STEP_OF = {"set_out": 0, "arrive": 1, "start": 2, "report": 3}
TAP_OF = {number: tap for tap, number in STEP_OF.items()}


class StepTime(NamedTuple):
    """One of the five steps: when it was taken, or the tap `by` whose time the phone fills in."""

    label: Any
    look: str
    at: datetime | None
    by: str


@dataclass(frozen=True)
class Stage:
    """A visit in one state, as the page shows it.

    `tap` is the verb that led to this state and is still on the phone, or empty.
    """

    tap: str
    state: str
    steps: tuple[StepTime, ...]
    next: str
    secondary_actions: tuple[str, ...]
    to_report: bool

    @property
    def shown(self) -> ShownState:
        """Return the state for its tag."""
        return words.visit_state(self.state)


def stage(state: str, times: Mapping[str, datetime], tap: str = "") -> Stage:
    """Return a visit's steps and actions in `state`; `times` maps kinds of events to their times."""
    done, current = progress(state)
    steps = []
    for number, (kind, label) in enumerate(words.STEPS):
        look = "now" if number == current else "done" if number < done else ""
        shown = words.VISIT_STATES["paused"] if kind == "start" and state == "paused" else label
        at = times.get(kind) if number <= done else None
        steps.append(StepTime(shown, look, at, _tap_with_time(tap, number, at, done)))
    return Stage(
        tap, state, tuple(steps), NEXT_ACTION.get(state, ""), SECONDARY_ACTIONS.get(state, ()), state in TO_REPORT
    )


def _tap_with_time(tap: str, number: int, at: datetime | None, done: int) -> str:
    """Return the unsent tap that gives a step its time, or empty if the server knows the time."""
    if not tap or STEP_OF.get(tap) == number:
        return tap
    return TAP_OF.get(number, "") if at is None and number <= STEP_OF.get(tap, done) else ""


def reachable_stages(state: str, times: Mapping[str, datetime]) -> list[Stage]:
    """Return the visit as it will be after each tap that can still come, for previews without signal."""
    return [stage(after, times, tap) for tap, after in reachable_states(state)]


def stage_reported(state: str, times: Mapping[str, datetime]) -> Stage | None:
    """Return the visit as it will be after a report that is still on the phone; None if it takes no report."""
    return stage("reported", times, "report") if state in OPEN_VISIT else None
