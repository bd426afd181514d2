"""`job.cancel`, `visit.cancel`, `job.restore`: the leader calls work off and takes that back (D-JOB-10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict, NotFound
from fieldapp.field.jobs.facts import facts_of
from fieldapp.field.jobs.models import Job, Visit, VisitEvent
from fieldapp.field.jobs.policy import OPEN_VISIT, OVER, JobFacts, may_dispatch
from fieldapp.field.jobs.schemas import Cancel, Restore
from fieldapp.field.jobs.workings import lead, people_of, recompute, tell_people
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command

#: The kind of event of a visit that was called off together with its job.
WITH_THE_JOB = "cancel_job"


@dataclass(frozen=True)
class Led:
    """A job, locked, with the facts by which its leader is known, and the visit it is about where there is one."""

    job: Job
    facts: JobFacts
    visit: Visit | None = None


def load_job(ctx: Context, data: dict[str, Any]) -> Led:
    """The job the envelope is about. Raises NotFound."""
    return _led(ctx, ctx.id)


def load_visit_of_job(ctx: Context, data: dict[str, Any]) -> Led:
    """The visit the envelope is about, with its job. Raises NotFound."""
    visit = ctx.load(Visit, ctx.id)
    return _led(ctx, visit.job_id, visit)


def _led(ctx: Context, job_id: str, visit: Visit | None = None) -> Led:
    job = ctx.load(Job, job_id)
    facts = facts_of(job.id)
    if facts is None:
        raise NotFound("job.not_found")
    return Led(job, facts, visit)


def may_lead_job(actor: Actor, led: Led) -> bool:
    """Only the leader of the job's group."""
    return may_dispatch(actor, led.facts)


@command("job.cancel", label=_l("Cancel the job"), schema=Cancel, load=load_job, may=may_lead_job)
def cancel_job(ctx: Context, led: Led, data: dict[str, Any]) -> Effect:
    """Cancels the job and its open visits, and tells their technicians; said again, it changes nothing."""
    job, before = led.job, {"state": led.job.state}
    if job.state == "cancelled":
        return Effect(job.number, job.ver, before, {**before, "again": True})
    if job.state in {"solved", "closed"}:
        raise Conflict("job.over", _l("This job is done. It cannot be cancelled any more."))
    visits = ctx.scalars(select(Visit).where(Visit.job_id == job.id).order_by(Visit.planned_start, Visit.id))
    if any(visit.state == "reported" for visit in visits):
        raise Conflict("job.report_waits", _l("A report of this job waits for your decision. Decide on it first."))
    stopped = [visit for visit in visits if visit.state in OPEN_VISIT]
    for visit in stopped:
        _call_off(ctx, visit, data["reason"], WITH_THE_JOB)
    job.state = "cancelled"
    job.ver += 1
    after = {"state": job.state, "reason": data["reason"], "visits": [visit.id for visit in stopped]}
    return Effect(job.number, job.ver, before, after)


@command("visit.cancel", label=_l("Cancel the visit"), schema=Cancel, load=load_visit_of_job, may=may_lead_job)
def cancel_visit(ctx: Context, led: Led, data: dict[str, Any]) -> Effect:
    """Cancels one visit; the job's state follows from the others."""
    visit = ctx.load(Visit, ctx.id)
    before = {"state": visit.state}
    if visit.state == "cancelled":
        return Effect(led.job.number, visit.ver, before, {**before, "again": True})
    _call_off(ctx, visit, data["reason"], "cancel")
    recompute(ctx, visit.job_id)
    return Effect(led.job.number, visit.ver, before, {"state": visit.state, "reason": data["reason"]})


def _call_off(ctx: Context, visit: Visit, reason: str, told_as: str) -> None:
    lead(ctx, visit, "cancel", reason, told_as)
    on_it = [one.user_id for one in people_of(ctx, visit.id) if one.removed_at is None]
    tell_people(ctx, visit.job_id, on_it, "visit.cancelled", reason=reason)


@command("job.restore", label=_l("Take the cancellation back"), schema=Restore, load=load_job, may=may_lead_job)
def restore(ctx: Context, led: Led, data: dict[str, Any]) -> Effect:
    """The job goes on, and the visits that were cancelled with it are assigned to the same people again."""
    job, before = led.job, {"state": led.job.state}
    if job.state != "cancelled":
        if job.state in OVER:
            raise Conflict("job.over", _l("This job is closed."))
        return Effect(job.number, job.ver, before, {**before, "again": True})
    job.state = "new"
    visits = _called_off_with_the_job(ctx, job)
    for visit in visits:
        lead(ctx, visit, "restore", None)
        on_it = [one.user_id for one in people_of(ctx, visit.id) if one.removed_at is None]
        tell_people(ctx, job.id, on_it, "visit.restored")
    recompute(ctx, job.id)
    return Effect(job.number, job.ver, before, {"state": job.state, "visits": [visit.id for visit in visits]})


def _called_off_with_the_job(ctx: Context, job: Job) -> list[Visit]:
    """The cancelled visits that were not called off each by itself."""
    query = (
        select(Visit, VisitEvent.kind)
        .join(VisitEvent, VisitEvent.visit_id == Visit.id)
        .where(Visit.job_id == job.id, Visit.state == "cancelled", VisitEvent.kind.in_(["cancel", WITH_THE_JOB]))
        .order_by(VisitEvent.received_at, VisitEvent.id)
    )
    last = {visit: kind for visit, kind in ctx.session.execute(query)}
    return [visit for visit, kind in last.items() if kind == WITH_THE_JOB]
