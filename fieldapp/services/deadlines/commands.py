"""What the clock does about deadlines: warn, note a breach, escalate."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, DueData, Effect, Overtaken, command
from fieldapp.services.deadlines.calendars import AROUND_THE_CLOCK_ID, calendar_of
from fieldapp.services.deadlines.events import ESCALATE, kind_of, renew
from fieldapp.services.deadlines.models import Deadline
from fieldapp.services.deadlines.queries import derived


def _load(ctx: Context, data: dict[str, Any]) -> Deadline:
    deadline = ctx.load(Deadline, ctx.id)
    if deadline.ended_at is not None:
        raise Overtaken
    return deadline


def by_clock(actor: Actor, deadline: Deadline) -> bool:
    """Allow the system only."""
    return actor.kind == "system"


@command("deadline.warn", label=_l("Warn before a deadline"), schema=DueData, load=_load, may=by_clock)
def warn(ctx: Context, deadline: Deadline, data: dict[str, Any]) -> Effect:
    """Warn that most of the limit is used up."""
    if deadline.state != "running":
        raise Overtaken
    deadline.warned_at = deadline.warn_at
    kind_of(deadline).warn(ctx, deadline)
    return Effect(after=_facts(deadline))


@command("deadline.breach", label=_l("Note a missed deadline"), schema=DueData, load=_load, may=by_clock)
def breach(ctx: Context, deadline: Deadline, data: dict[str, Any]) -> Effect:
    """Note that the limit was missed at its due time, and begin to escalate."""
    before = {"state": deadline.state}
    renew(ctx, deadline)
    if deadline.state != "missed":
        raise Overtaken
    deadline.breached_at = deadline.due_at
    kind_of(deadline).breach(ctx, deadline)
    _escalate_at(ctx, deadline, _next_opening(deadline, ctx.now), 1)
    return Effect(before=before, after=_facts(deadline))


@command("deadline.escalate", label=_l("Escalate a missed deadline"), schema=DueData, load=_load, may=by_clock)
def escalate(ctx: Context, deadline: Deadline, data: dict[str, Any]) -> Effect:
    """Tell the next level that a deadline is still missed; nothing while it is on hold."""
    if deadline.breached_at is None:
        raise Overtaken
    renew(ctx, deadline)
    level = int(data["occurrence"].partition(" ")[0])
    on_hold = derived(ctx.session, deadline.id, ctx.now).paused
    if on_hold or kind_of(deadline).escalate(ctx, deadline, level):
        _escalate_at(ctx, deadline, _next_opening(deadline, ctx.now), level if on_hold else level + 1)
    return Effect(after={**_facts(deadline), "level": level, "on_hold": on_hold})


def _escalate_at(ctx: Context, deadline: Deadline, due_at: datetime, level: int) -> None:
    # The generation tells escalations of an earlier breach apart from this one's.
    occurrence = f"{level} {deadline.generation}"
    ctx.schedule(
        ESCALATE,
        key=deadline.id,
        agg=("deadline", deadline.id),
        due_at=due_at,
        occurrence=occurrence,
        generation=deadline.generation,
    )


def _next_opening(deadline: Deadline, now: datetime) -> datetime:
    """Return when work begins on the next working day of the deadline's calendar; for emergencies an hour from now."""
    if deadline.calendar_id == AROUND_THE_CLOCK_ID:
        return now + timedelta(hours=1)
    day = clock.local(now).date() + timedelta(days=1)
    return calendar_of(deadline.calendar_id).next_working(clock.day_bounds(day)[0])


def _facts(deadline: Deadline) -> dict[str, Any]:
    return {
        "kind": deadline.kind,
        "subject": [deadline.subject_type, deadline.subject_id],
        "state": deadline.state,
        "due_at": deadline.due_at and clock.iso(deadline.due_at),
        "missed_s": deadline.missed_s,
    }
