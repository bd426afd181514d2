"""Record what happens to a deadline: derive it anew and replace its due work, in the transaction of the event."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from fieldapp.kernel import clock, ids
from fieldapp.kernel.deadline import EventKind
from fieldapp.platform.commandbus import Context, due_work, ledger
from fieldapp.services.deadlines.extension_points import DEADLINE_KINDS, DeadlineKind
from fieldapp.services.deadlines.models import Deadline, DeadlineEvent
from fieldapp.services.deadlines.queries import derived

WARN, BREACH, ESCALATE = "deadline.warn", "deadline.breach", "deadline.escalate"


def kind_of(deadline: Deadline) -> DeadlineKind:
    """Return what the feature does about this kind. Raise KeyError."""
    kind = DEADLINE_KINDS.get(deadline.kind)
    if kind is None:
        raise KeyError(deadline.kind)
    return kind


def open_deadline(
    ctx: Context,
    kind: str,
    subject: tuple[str, str],
    limit_s: int,
    calendar_id: str,
    at: datetime | None = None,
) -> Deadline:
    """Start a deadline about a record, at the time of the command if no other is given.

    A further deadline of the kind about the record is its next round. Raise KeyError for an unknown kind.
    """
    of_subject = (Deadline.kind == kind, Deadline.subject_type == subject[0], Deadline.subject_id == subject[1])
    last = ctx.session.scalar(select(func.max(Deadline.round)).where(*of_subject)) or 0
    deadline = Deadline(
        id=str(ids.uuid7()),
        kind=kind,
        subject_type=subject[0],
        subject_id=subject[1],
        round=last + 1,
        calendar_id=calendar_id,
        started_at=at or ctx.at,
        generation=0,
    )
    kind_of(deadline)
    ctx.session.add(deadline)
    ctx.session.flush()
    _add(ctx, deadline, "start", at, value={"limit_s": limit_s, "calendar": calendar_id})
    return deadline


def record(
    ctx: Context,
    deadline_id: str,
    kind: EventKind,
    *,
    reason: str = "",
    at: datetime | None = None,
    limit_s: int | None = None,
    calendar_id: str | None = None,
    due_at: datetime | None = None,
) -> Deadline:
    """Record an event at the time of the command or another one, and return the deadline as it is now.

    `limit_s` and `calendar_id` belong to `raise` and `lower`, `due_at` to `fix`. Raise NotFound.
    """
    # The lock that due work about this deadline takes first.
    ledger.lock_aggregate(ctx.session.connection(), f"deadline:{deadline_id}")
    deadline = ctx.load(Deadline, deadline_id)
    value: dict[str, Any] | None = None
    if limit_s is not None:
        value = {"limit_s": limit_s, "calendar": calendar_id or deadline.calendar_id}
        deadline.calendar_id = value["calendar"]
    elif due_at is not None:
        value = {"due_at": clock.iso(due_at)}
    _add(ctx, deadline, kind, at, reason, value)
    return deadline


def _add(
    ctx: Context,
    deadline: Deadline,
    kind: EventKind,
    at: datetime | None,
    reason: str = "",
    value: dict[str, Any] | None = None,
) -> None:
    event = DeadlineEvent(deadline_id=deadline.id, at=at or ctx.at, kind=kind, reason=reason, value=value)
    event.op = ctx.envelope.op
    ctx.session.add(event)
    ctx.session.flush()
    renew(ctx, deadline)
    _schedule(ctx, deadline)


def renew(ctx: Context, deadline: Deadline) -> None:
    """Store what the events make of a deadline now."""
    found = derived(ctx.session, deadline.id, ctx.now)
    deadline.state, deadline.started_at, deadline.ended_at = found.state, found.started_at, found.ended_at
    deadline.due_at, deadline.warn_at, deadline.fixed_by_hand = found.due_at, found.warn_at, found.fixed_by_hand
    deadline.limit_s, deadline.used_s, deadline.paused_s = found.limit_s, found.used_s, found.paused_s
    deadline.off_s, deadline.missed_s = found.off_s, found.missed_s


def _schedule(ctx: Context, deadline: Deadline) -> None:
    """Replace the due work of a deadline by that of a new generation; correct a breach that was none."""
    deadline.generation += 1
    connection = ctx.session.connection()
    for kind in (WARN, BREACH):
        due_work.overtake(connection, kind, deadline.id, deadline.generation)
    breached, due_at = deadline.breached_at, deadline.due_at
    if breached is not None and deadline.state != "missed":
        deadline.breached_at = None
        due_work.overtake(connection, ESCALATE, deadline.id, deadline.generation)
        kind_of(deadline).kept(ctx, deadline)
    if deadline.ended_at is not None or due_at is None:
        return
    warn_at, warned_at = deadline.warn_at, deadline.warned_at
    if warn_at is not None and (warned_at is None or warn_at > max(warned_at, ctx.now)):
        _leave(ctx, WARN, deadline, warn_at, late_after=due_at)
    if deadline.breached_at is None:
        _leave(ctx, BREACH, deadline, due_at)


def _leave(ctx: Context, kind: str, deadline: Deadline, due_at: datetime, late_after: datetime | None = None) -> None:
    ctx.schedule(
        kind,
        key=deadline.id,
        agg=("deadline", deadline.id),
        due_at=due_at,
        occurrence=str(deadline.generation),
        generation=deadline.generation,
        late_after=late_after,
    )
