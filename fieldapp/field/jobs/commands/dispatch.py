"""`job.dispatch`: the leader plans a visit (D-JOB-1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict, Invalid
from fieldapp.field.jobs.facts import facts_of
from fieldapp.field.jobs.models import Job, Visit
from fieldapp.field.jobs.policy import CLOSED_JOB, JobFacts, may_dispatch
from fieldapp.field.jobs.schemas import Dispatch
from fieldapp.field.jobs.services import plan_visit
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import Context, Effect, command, facts_named, require_new
from fieldapp.services.accounts import technicians_of

#: A visit may be entered after it began, up to this much later.
MAX_BACKDATING = timedelta(days=1)


@command(
    "job.dispatch",
    label=_l("Plan a visit"),
    schema=Dispatch,
    load=facts_named("job_id", facts_of, "job.not_found"),
    may=may_dispatch,
    aggs=("visit",),
)
def dispatch(ctx: Context, facts: JobFacts, data: dict[str, Any]) -> Effect:
    """Plan a visit for technicians of the job's own group, and notify them."""
    require_new(ctx, data, Visit, _l("This visit was planned already."))
    job = ctx.load(Job, facts.job_id)
    if job.state in CLOSED_JOB:
        raise Conflict("job.over", _l("This job is closed. It takes no more visits."))
    technicians = chosen_technicians(facts, data)
    if data["planned_start"] < ctx.now - MAX_BACKDATING:
        raise Invalid.field("planned_start", _l("This time lies too far in the past."))
    before = {"state": job.state}
    visit = plan_visit(ctx, job.id, technicians, data["planned_start"], data["planned_minutes"], ctx.id)
    after = {
        "state": job.state,
        "visit": visit.id,
        "technicians": technicians,
        "planned_start": visit.planned_start.isoformat(),
        "planned_minutes": visit.planned_minutes,
    }
    return Effect(job.number, visit.ver, before, after)


def chosen_technicians(facts: JobFacts, data: dict[str, Any]) -> list[int]:
    """Return the technician in charge and the optional second one. Raise Invalid if one is not of the group."""
    group_technicians = {user for user, _ in technicians_of([facts.group_id], on=clock.today())}
    technicians = [data["technician_id"]]
    if data.get("second_id"):
        technicians.append(data["second_id"])
    for field, technician in zip(("technician_id", "second_id"), technicians, strict=False):
        if technician not in group_technicians:
            raise Invalid.field(field, _l("Please choose a technician of the job's own group."))
    if len(set(technicians)) < len(technicians):
        raise Invalid.field("second_id", _l("Please choose another person."))
    return technicians
