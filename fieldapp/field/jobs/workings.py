"""What a command of any feature may do to visits; always inside the command's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict
from fieldapp.field.customers import Customer
from fieldapp.field.jobs.models import Job, Visit, VisitEvent, VisitMember
from fieldapp.field.jobs.policy import OVER, RANK, VISIT, job_state
from fieldapp.kernel import clock, ids
from fieldapp.kernel.states import IllegalMove
from fieldapp.platform.commandbus import Context
from fieldapp.services.accounts import leaders_of


def record_event(ctx: Context, visit: Visit, kind: str, event_id: str = "", **details: Any) -> VisitEvent:
    """Keeps a tap with both clocks. The op's id is the event's: the same tap is one event.

    A command that happens to several visits gives each event an `event_id` of its own.
    """
    known = ctx.session.get(VisitEvent, event_id or ctx.envelope.op)
    if known is not None:
        return known
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


def move(ctx: Context, visit: Visit, verb: str) -> bool:
    """Moves a visit forward; False where it is there already, is beyond it, or somebody else decided meanwhile."""
    try:
        state = VISIT.next(visit.state, verb)
    except IllegalMove:
        return False
    if state != visit.state and RANK[state] < RANK[visit.state]:
        return False
    visit.state = state
    visit.ver += 1
    recompute(ctx, visit.job_id)
    return True


def lead(ctx: Context, visit: Visit, verb: str, reason: str | None, told_as: str = "") -> None:
    """The leader moves a visit, also back (D-JOB-5); the timeline has it as `told_as`, else by its verb.

    Raises Conflict where the visit's state does not allow it.
    """
    try:
        visit.state = VISIT.next(visit.state, verb)
    except IllegalMove:
        raise Conflict("visit.over", _l("This visit is over, or its report is in."), {"state": visit.state}) from None
    visit.ver += 1
    record_event(ctx, visit, told_as or verb, event_id=str(ids.uuid7()), reason=reason)


def people_of(ctx: Context, visit_id: str) -> list[VisitMember]:
    """The members of a visit, former ones included, the one in charge first."""
    query = select(VisitMember).where(VisitMember.visit_id == visit_id)
    return ctx.scalars(query.order_by(VisitMember.in_charge.desc(), VisitMember.user_id))


def visit_reported(ctx: Context, visit: Visit, result: str) -> bool:
    """The report is in. False where the visit was cancelled, refused or given away meanwhile: late work (D-JOB-10)."""
    member = ctx.session.get(VisitMember, (visit.id, ctx.actor.id))
    before, late = visit.result, member is not None and member.removed_at is not None
    if not late:
        visit.result = result
        late = not move(ctx, visit, "report")
    if late:
        visit.result = before
    record_event(ctx, visit, "report", late=late)
    return not late


def visit_settled(ctx: Context, visit_id: str, verdict: str) -> None:
    """The leader accepted (`approved`) or returned (`returned`) the report."""
    visit = ctx.load(Visit, visit_id)
    if move(ctx, visit, verdict):
        record_event(ctx, visit, verdict)


def tell_leaders(ctx: Context, job_id: str, kind: str, **params: Any) -> None:
    """Leaves a line with the leaders of the job's group; `job` and `who` are in its words already."""
    job, words = _line(ctx, job_id)
    for leader in leaders_of(job.group_id):
        ctx.notify(leader, kind, f"/jobs/{job_id}", job=words, who=ctx.actor.name, **params)


def tell_people(ctx: Context, job_id: str, users: Iterable[int], kind: str, **params: Any) -> None:
    """Leaves a line with technicians of a job; `job` and `who` are in its words already."""
    _, words = _line(ctx, job_id)
    for user in set(users):
        ctx.notify(user, kind, f"/jobs/{job_id}", job=words, who=ctx.actor.name, **params)


def job_words(ctx: Context, job_id: str) -> str:
    """`customer · title`, by which people know a job in a message."""
    return _line(ctx, job_id)[1]


def _line(ctx: Context, job_id: str) -> tuple[Job, str]:
    job, customer = ctx.session.execute(
        select(Job, Customer.name).join(Customer, Customer.id == Job.customer_id).where(Job.id == job_id)
    ).one()
    return job, f"{customer} · {job.title}"


def plan_visit(
    ctx: Context, job_id: str, technicians: Sequence[int], start: datetime, minutes: int = 60, visit_id: str = ""
) -> Visit:
    """A new visit; the first technician is in charge. Tells them all when and where."""
    _, words = _line(ctx, job_id)
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
        ctx.notify(user_id, "visit.planned", f"/jobs/{job_id}", when=clock.iso(start), job=words)
    recompute(ctx, job_id)
    return visit


def recompute(ctx: Context, job_id: str) -> None:
    """The job's state follows from its visits (D-JOB-11)."""
    ctx.session.flush()
    job = ctx.load(Job, job_id)
    query = select(Visit.state, Visit.result).where(Visit.job_id == job_id).order_by(Visit.planned_start, Visit.id)
    state = job_state(ctx.session.execute(query))
    if job.state not in OVER and job.state != state:
        job.state = state
    job.ver += 1
