"""When work is tried again, and when a clock is not believed."""

from __future__ import annotations

from datetime import datetime, timedelta

from fieldapp.kernel.actor import Actor

#: Seconds before the next try, by the number of tries so far. After the last one the work is parked.
BACKOFF = (60, 120, 300, 900, 3600, 10_800, 21_600, 21_600)
MAX_ATTEMPTS = len(BACKOFF)
#: A clock that is so far ahead of the last sweep needs a confirmation.
MAX_JUMP = timedelta(days=7)
#: A clock that agrees so far with another one is confirmed by it.
AGREES = timedelta(days=1)


def next_try(attempts: int, now: datetime) -> datetime:
    """Return when work is tried again after this many attempts, at least one."""
    return now + timedelta(seconds=BACKOFF[min(attempts, MAX_ATTEMPTS) - 1])


def may_manage(actor: Actor, record: object) -> bool:
    """Allow administrators only."""
    return "admin" in actor.roles
