"""Commands of administrators: try parked work again, give it up, confirm the server's clock."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict
from fieldapp.platform.commandbus import Context, Effect, command, record
from fieldapp.services.schedule.models import DueWork, ScheduleClock
from fieldapp.services.schedule.policy import may_manage
from fieldapp.services.schedule.schemas import ConfirmClock, GiveUp, Retry

#: The id under which envelopes name the clock of the servers.
CLOCK_ID = "00000000-0000-0000-0000-000000000001"


_load = record(DueWork)


def _check_parked(work: DueWork) -> None:
    if work.state != "parked":
        raise Conflict("due_work.not_parked", gettext("This work is not parked any more."))


@command("due_work.retry", label=_l("Try again"), schema=Retry, load=_load, may=may_manage)
def retry(ctx: Context, work: DueWork, data: dict[str, Any]) -> Effect:
    """Let parked work be tried again from the start."""
    _check_parked(work)
    before = {"state": work.state, "attempts": work.attempts}
    work.state, work.attempts, work.next_try_at = "waiting", 0, ctx.now
    return Effect(before=before, after={"state": "waiting", "kind": work.kind})


@command("due_work.give_up", label=_l("Give up"), schema=GiveUp, load=_load, may=may_manage)
def give_up(ctx: Context, work: DueWork, data: dict[str, Any]) -> Effect:
    """End parked work without doing it."""
    _check_parked(work)
    work.state = "cancelled"
    after = {"state": "cancelled", "kind": work.kind, "reason": data["reason"]}
    return Effect(before={"state": "parked"}, after=after)


@command(
    "schedule.confirm_clock",
    label=_l("The server's time is right"),
    schema=ConfirmClock,
    load=lambda ctx, data: ctx.find(ScheduleClock, 1),
    may=may_manage,
)
def confirm_clock(ctx: Context, known: ScheduleClock | None, data: dict[str, Any]) -> Effect:
    """Let due work go on after the clock was found far ahead of the last sweep."""
    if known is None or known.paused_at is None:
        raise Conflict("schedule.not_paused", gettext("Scheduled work is not waiting for this."))
    before = {"high_water": known.high_water.isoformat()}
    known.high_water, known.paused_at = max(known.high_water, ctx.now), None
    return Effect(before=before, after={"high_water": known.high_water.isoformat()})
