"""`job.cancel`, `visit.cancel`, `job.restore`: the leader cancels work or takes the cancellation back (D-JOB-10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict, NotFound
from fieldapp.field.jobs.facts import facts_of
from fieldapp.field.jobs.models import Job, Visit, VisitEvent
from fieldapp.field.jobs.policy import CLOSED_JOB, OPEN_VISIT, JobFacts, may_dispatch
from fieldapp.field.jobs.schemas import Cancel, Restore
from fieldapp.field.jobs.services import members_of_visit, notify_technicians, recompute, transition_by_leader
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command

#: Kind of event of a visit that was cancelled together with its job.
CANCELLED_WITH_JOB = "cancel_job"


@dataclass(frozen=True)
class JobContext:
    """The locked job, the facts by which its leader is judged, and the visit of the command if it has one."""

    job: Job
    facts: JobFacts
    visit: Visit | None = None


def load_job(ctx: Context, data: dict[str, Any]) -> JobContext:
    """Load the job of the envelope. Raise NotFound."""
    return _load_context(ctx, ctx.id)


def load_visit_of_job(ctx: Context, data: dict[str, Any]) -> JobContext:
    """Load the visit of the envelope with its job. Raise NotFound."""
    visit = ctx.load(Visit, ctx.id)
    return _load_context(ctx, visit.job_id, visit)


def _load_context(ctx: Context, job_id: str, visit: Visit | None = None) -> JobContext:
    job = ctx.load(Job, job_id)
    facts = facts_of(job.id)
    if facts is None:
        raise NotFound("job.not_found")
    return JobContext(job, facts, visit)


def may_lead_job(actor: Actor, target: JobContext) -> bool:
    """Allow the leader of the job's group."""
    return may_dispatch(actor, target.facts)


@command("job.cancel", label=_l("Cancel the job"), schema=Cancel, load=load_job, may=may_lead_job)
def cancel_job(ctx: Context, target: JobContext, data: dict[str, Any]) -> Effect:
    """Cancel the job and its open visits, and notify their technicians. A repeated command changes nothing."""
    job, before = target.job, {"state": target.job.state}
    if job.state == "cancelled":
        return Effect(job.number, job.ver, before, {**before, "again": True})
    if job.state in {"solved", "closed"}:
        raise Conflict("job.over", _l("This job is done. It cannot be cancelled any more."))
    visits = ctx.scalars(select(Visit).where(Visit.job_id == job.id).order_by(Visit.planned_start, Visit.id))
    if any(visit.state == "reported" for visit in visits):
        raise Conflict("job.report_waits", _l("A report of this job waits for your decision. Decide on it first."))
    open_visits = [visit for visit in visits if visit.state in OPEN_VISIT]
    for visit in open_visits:
        _cancel_visit(ctx, visit, data["reason"], CANCELLED_WITH_JOB)
    job.state = "cancelled"
    job.ver += 1
    after = {"state": job.state, "reason": data["reason"], "visits": [visit.id for visit in open_visits]}
    return Effect(job.number, job.ver, before, after)


@command("visit.cancel", label=_l("Cancel the visit"), schema=Cancel, load=load_visit_of_job, may=may_lead_job)
def cancel_visit(ctx: Context, target: JobContext, data: dict[str, Any]) -> Effect:
    """Cancel one visit; the job's state follows from the others."""
    visit = ctx.load(Visit, ctx.id)
    before = {"state": visit.state}
    if visit.state == "cancelled":
        return Effect(target.job.number, visit.ver, before, {**before, "again": True})
    _cancel_visit(ctx, visit, data["reason"], "cancel")
    recompute(ctx, visit.job_id)
    return Effect(target.job.number, visit.ver, before, {"state": visit.state, "reason": data["reason"]})


def _current_technicians(ctx: Context, visit: Visit) -> list[int]:
    return [member.user_id for member in members_of_visit(ctx, visit.id) if member.removed_at is None]


def _cancel_visit(ctx: Context, visit: Visit, reason: str, event_kind: str) -> None:
    transition_by_leader(ctx, visit, "cancel", reason, event_kind)
    technicians = _current_technicians(ctx, visit)
    notify_technicians(ctx, visit.job_id, technicians, "visit.cancelled", reason=reason)


@command("job.restore", label=_l("Take the cancellation back"), schema=Restore, load=load_job, may=may_lead_job)
def restore(ctx: Context, target: JobContext, data: dict[str, Any]) -> Effect:
    """Reopen the job, and assign the visits that were cancelled with it to the same technicians again."""
    job, before = target.job, {"state": target.job.state}
    if job.state != "cancelled":
        if job.state in CLOSED_JOB:
            raise Conflict("job.over", _l("This job is closed."))
        return Effect(job.number, job.ver, before, {**before, "again": True})
    job.state = "new"
    visits = _visits_cancelled_with(ctx, job)
    for visit in visits:
        transition_by_leader(ctx, visit, "restore", None)
        technicians = _current_technicians(ctx, visit)
        notify_technicians(ctx, job.id, technicians, "visit.restored")
    recompute(ctx, job.id)
    return Effect(job.number, job.ver, before, {"state": job.state, "visits": [visit.id for visit in visits]})


def _visits_cancelled_with(ctx: Context, job: Job) -> list[Visit]:
    """Return the cancelled visits of the job, without those that were cancelled one by one."""
    query = (
        select(Visit, VisitEvent.kind)
        .join(VisitEvent, VisitEvent.visit_id == Visit.id)
        .where(Visit.job_id == job.id, Visit.state == "cancelled", VisitEvent.kind.in_(["cancel", CANCELLED_WITH_JOB]))
        .order_by(VisitEvent.received_at, VisitEvent.id)
    )
    last = {visit: kind for visit, kind in ctx.session.execute(query)}
    return [visit for visit, kind in last.items() if kind == CANCELLED_WITH_JOB]
