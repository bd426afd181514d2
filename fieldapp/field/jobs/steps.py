"""How a visit is drawn: its five steps, its next action, and the same for every tap that may still come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from fieldapp.field.jobs import words
from fieldapp.field.jobs.policy import ASIDE, NEXT, OPEN_VISIT, TO_REPORT, ahead, progress

#: Step of the five that a tap belongs to; its time is the phone's until the server has it.
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
    """A visit in one state. `tap` is the tap that led there and is still on the phone, or empty."""

    tap: str
    state: str
    steps: tuple[StepTime, ...]
    next: str
    aside: tuple[str, ...]
    to_report: bool

    @property
    def words(self) -> Any:
        """The state in words."""
        return words.VISIT_STATES[self.state]

    @property
    def look(self) -> str:
        """The state's tag."""
        return words.VISIT_LOOKS.get(self.state, "")


def stage(state: str, times: Mapping[str, datetime], tap: str = "") -> Stage:
    """A visit's steps and actions in `state`; `times` are those of its events."""
    done, at_hand = progress(state)
    steps = []
    for number, (kind, label) in enumerate(words.STEPS):
        look = "now" if number == at_hand else "done" if number < done else ""
        shown = words.VISIT_STATES["paused"] if kind == "start" and state == "paused" else label
        at = times.get(kind) if number <= done else None
        steps.append(StepTime(shown, look, at, _known_by(tap, number, at, done)))
    return Stage(tap, state, tuple(steps), NEXT.get(state, ""), ASIDE.get(state, ()), state in TO_REPORT)


def _known_by(tap: str, number: int, at: datetime | None, done: int) -> str:
    """Return the tap whose time the phone knows for a step, while the server's page has none for it."""
    if not tap or STEP_OF.get(tap) == number:
        return tap
    return TAP_OF.get(number, "") if at is None and number <= STEP_OF.get(tap, done) else ""


def stages_ahead(state: str, times: Mapping[str, datetime]) -> list[Stage]:
    """What the visit becomes by each tap that can still come: an offline chain of taps moves the screen on."""
    return [stage(after, times, tap) for tap, after in ahead(state)]


def stage_reported(state: str, times: Mapping[str, datetime]) -> Stage | None:
    """Return what the visit becomes by a report that is still on the phone; None where it takes none."""
    return stage("reported", times, "report") if state in OPEN_VISIT else None
