"""What deadlines ask of the features whose records have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fieldapp.platform.commandbus import Context
from fieldapp.platform.extensions import KeyedPoint
from fieldapp.services.deadlines.models import Deadline


def _nothing(ctx: Context, deadline: Deadline) -> None:
    """Do nothing."""


def _stop(ctx: Context, deadline: Deadline, level: int) -> bool:
    return False


@dataclass(frozen=True)
class DeadlineKind:
    """What a feature does about deadlines of one kind, each inside a command of the clock.

    `warn` before the limit and `breach` when it is missed; `escalate` at the opening of each working day after that,
    with a level that counts from 1, as long as it returns True; `kept` when an event shows that a limit is not missed
    after all whose breach was done, inside the command that recorded the event.
    """

    label: Any
    warn: Callable[[Context, Deadline], None] = _nothing
    breach: Callable[[Context, Deadline], None] = _nothing
    escalate: Callable[[Context, Deadline, int], bool] = _stop
    kept: Callable[[Context, Deadline], None] = _nothing


DEADLINE_KINDS: KeyedPoint[DeadlineKind] = KeyedPoint("deadline kind")
