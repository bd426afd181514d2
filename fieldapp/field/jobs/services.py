"""Changes of visits that commands of all features use. Every function runs inside the command's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict
from fieldapp.field.customers import Customer
from fieldapp.field.jobs.models import Job, Visit, VisitEvent, VisitMember
from fieldapp.field.jobs.policy import CLOSED_JOB, PROGRESS_ORDER, VISIT, job_state
from fieldapp.kernel import clock, ids
from fieldapp.kernel.states import IllegalMove
from fieldapp.platform.commandbus import Context
from fieldapp.services.accounts import leaders_of


def record_event(ctx: Context, visit: Visit, kind: str, event_id: str = "", **details: Any) -> VisitEvent:
    """Store an event of a visit with the phone's and the server's time; return the existing one if it is there.

    The operation id of the envelope is the event's id, so a repeated envelope adds nothing. A command that affects
    several visits passes an `event_id` for each.
    """
    existing = ctx.session.get(VisitEvent, event_id or ctx.envelope.op)
    if existing is not None:
        return existing
    event = VisitEvent(
        id=event_id or ctx.envelope.op,
        visit_id=visit.id,
        user_id=ctx.actor.id,
        kind=kind,
        happened_at=ctx.at,
        received_at=ctx.now,
        clock_doubted=ctx.clock_doubted,
        **details,
    )
    ctx.session.add(event)
    return event


def advance(ctx: Context, visit: Visit, verb: str) -> bool:
    """Apply a verb that moves a visit forward. Return False if the verb is not allowed now or would move it back.

    The visit may have been decided on by somebody else meanwhile, so False is no error: the caller records the
    event.
    """
    try:
        state = VISIT.next(visit.state, verb)
    except IllegalMove:
        return False
    if state != visit.state and PROGRESS_ORDER[state] < PROGRESS_ORDER[visit.state]:
        return False
    visit.state = state
    visit.ver += 1
    recompute(ctx, visit.job_id)
    return True


def transition_by_leader(ctx: Context, visit: Visit, verb: str, reason: str | None, event_kind: str = "") -> None:
    """Change a visit's state for the leader, also backwards, and record it as `event_kind`, else as `verb` (D-JOB-5).

    Raise Conflict if the visit's state does not allow the verb.
    """
    try:
        visit.state = VISIT.next(visit.state, verb)
    except IllegalMove:
        raise Conflict("visit.over", _l("This visit is over, or its report is in."), {"state": visit.state}) from None
    visit.ver += 1
    record_event(ctx, visit, event_kind or verb, event_id=str(ids.uuid7()), reason=reason)


def members_of_visit(ctx: Context, visit_id: str) -> list[VisitMember]:
    """Return present and former members of a visit, the one in charge first."""
    query = select(VisitMember).where(VisitMember.visit_id == visit_id)
    return ctx.scalars(query.order_by(VisitMember.in_charge.desc(), VisitMember.user_id))


def mark_visit_reported(ctx: Context, visit: Visit, result: str) -> bool:
    """Store the result of a report and mark the visit as reported. Return False for late work (D-JOB-10).

    Late: the visit was cancelled, refused or given to somebody else meanwhile; it keeps its state and result.
    """
    member = ctx.session.get(VisitMember, (visit.id, ctx.actor.id))
    previous_result, late = visit.result, member is not None and member.removed_at is not None
    if not late:
        visit.result = result
        late = not advance(ctx, visit, "report")
    if late:
        visit.result = previous_result
    record_event(ctx, visit, "report", late=late)
    return not late


def apply_report_decision(ctx: Context, visit_id: str, verdict: str) -> None:
    """Apply the leader's decision on the report to the visit. `verdict`: approved or returned."""
    visit = ctx.load(Visit, visit_id)
    if advance(ctx, visit, verdict):
        record_event(ctx, visit, verdict)


def notify_leaders(ctx: Context, job_id: str, kind: str, **params: Any) -> None:
    """Notify the leaders of the job's group. `job` and `who` are added to the notice's parameters."""
    job, label = _job_with_label(ctx, job_id)
    for leader in leaders_of(job.group_id, on=clock.today()):
        ctx.notify(leader, kind, f"/jobs/{job_id}", job=label, who=ctx.actor.name, **params)


def notify_technicians(ctx: Context, job_id: str, users: Iterable[int], kind: str, **params: Any) -> None:
    """Notify the given users about a job. `job` and `who` are added to the notice's parameters."""
    _, label = _job_with_label(ctx, job_id)
    for user in set(users):
        ctx.notify(user, kind, f"/jobs/{job_id}", job=label, who=ctx.actor.name, **params)


def job_label(ctx: Context, job_id: str) -> str:
    """Return `customer · title`, the label of a job in notices."""
    return _job_with_label(ctx, job_id)[1]


def _job_with_label(ctx: Context, job_id: str) -> tuple[Job, str]:
    job, customer = ctx.session.execute(
        select(Job, Customer.name).join(Customer, Customer.id == Job.customer_id).where(Job.id == job_id)
    ).one()
    return job, f"{customer} · {job.title}"


def plan_visit(
    ctx: Context, job_id: str, technicians: Sequence[int], start: datetime, minutes: int = 60, visit_id: str = ""
) -> Visit:
    """Create a visit and notify its technicians; the first of `technicians` is in charge."""
    _, label = _job_with_label(ctx, job_id)
    visit = Visit(
        id=visit_id or str(ids.uuid7()),
        job_id=job_id,
        technician_id=technicians[0],
        planned_start=start,
        planned_minutes=minutes,
        state="assigned",
    )
    ctx.session.add(visit)
    ctx.session.flush()
    for position, user_id in enumerate(dict.fromkeys(technicians)):
        ctx.session.add(VisitMember(visit_id=visit.id, user_id=user_id, in_charge=position == 0))
        ctx.notify(user_id, "visit.planned", f"/jobs/{job_id}", when=clock.iso(start), job=label)
    recompute(ctx, job_id)
    return visit


def recompute(ctx: Context, job_id: str) -> None:
    """Derive the job's state from its visits and raise its version (D-JOB-11)."""
    ctx.session.flush()
    job = ctx.load(Job, job_id)
    query = select(Visit.state, Visit.result).where(Visit.job_id == job_id).order_by(Visit.planned_start, Visit.id)
    state = job_state(ctx.session.execute(query))
    if job.state not in CLOSED_JOB and job.state != state:
        job.state = state
    job.ver += 1
