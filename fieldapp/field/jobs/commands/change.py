"""`job.change`: the leader changes the job and the planned time of a visit (ADR 17)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict, Invalid, NotFound
from fieldapp.field.jobs.commands.cancel import JobContext, load_job, may_lead_job
from fieldapp.field.jobs.commands.dispatch import MAX_BACKDATING
from fieldapp.field.jobs.models import Job, Visit
from fieldapp.field.jobs.policy import CLOSED_JOB, OPEN_VISIT
from fieldapp.field.jobs.schemas import Change
from fieldapp.field.jobs.services import notify_technicians
from fieldapp.platform.commandbus import Context, Effect, Merges, audit_diff, command, label_of, merge_note
from fieldapp.platform.commandbus.models import Notice

#: Form field -> attribute of the job. The form's names are on the wire and stay.
JOB_FIELDS = {"title": "title", "said": "fault_description", "urgency": "urgency"}
VISIT_FIELDS = ("planned_start", "planned_minutes")
_FIELDS = (*JOB_FIELDS, *VISIT_FIELDS)


def _load_job_and_visit(ctx: Context, data: dict[str, Any]) -> JobContext:
    target = load_job(ctx, data)
    if not data.get("visit_id"):
        return target
    visit = ctx.load(Visit, data["visit_id"])
    if visit.job_id != target.job.id:
        raise NotFound("visit.not_found")
    return JobContext(target.job, target.facts, visit)


def _current_values(target: JobContext) -> dict[str, Any]:
    visit_values = {name: getattr(target.visit, name) for name in VISIT_FIELDS} if target.visit else {}
    return {name: getattr(target.job, attribute) for name, attribute in JOB_FIELDS.items()} | visit_values


@command(
    "job.change",
    label=_l("Change the job"),
    schema=Change,
    load=_load_job_and_visit,
    may=may_lead_job,
    merges=Merges(_FIELDS, _current_values, lambda target: target.job.ver, frozenset(_FIELDS)),
)
def change(ctx: Context, target: JobContext, data: dict[str, Any]) -> Effect:
    """Write the fields that nobody else changed meanwhile; notify the technicians, and the author of what was kept."""
    changes = ctx.merged.changes
    _check_changes(ctx, target, changes)
    before, after = audit_diff(ctx, _current_values(target))
    for name in changes.keys() & JOB_FIELDS.keys():
        setattr(target.job, JOB_FIELDS[name], changes[name] or "")
    target.job.ver += 1
    if target.visit and changes.keys() & set(VISIT_FIELDS):
        for name in changes.keys() & set(VISIT_FIELDS):
            setattr(target.visit, name, changes[name])
        target.visit.ver += 1
    note = merge_note(ctx, change)
    _notify(ctx, target, note)
    return Effect(target.job.number, target.job.ver, before, after, note)


def _check_changes(ctx: Context, target: JobContext, changes: dict[str, Any]) -> None:
    if target.job.state in CLOSED_JOB:
        raise Conflict("job.over", _l("This job is closed."))
    visit_changes = changes.keys() & set(VISIT_FIELDS)
    if visit_changes and target.visit is not None and target.visit.state not in OPEN_VISIT:
        raise Conflict("visit.over", _l("This visit is over, or its report is in."), {"state": target.visit.state})
    for name in visit_changes:
        if changes[name] is None:
            raise Invalid.field(name, _l("Please fill this in."))
    if "planned_start" in visit_changes and changes["planned_start"] < ctx.now - MAX_BACKDATING:
        raise Invalid.field("planned_start", _l("This time lies too far in the past."))


def _notify(ctx: Context, target: JobContext, note: str | None) -> None:
    """Notify the technicians of changed fields, and the author, in the inbox, of fields that were not changed."""
    job: Job = target.job
    if ctx.merged.changes:
        names = ", ".join(label_of(change, name) for name in ctx.merged.changes)
        notify_technicians(ctx, job.id, target.facts.members, "job.changed", fields=names)
    if ctx.merged.kept:
        params = {"job": job.title, "note": note}
        url = f"/jobs/{job.id}"
        ctx.notices.append(
            Notice(user_id=ctx.actor.id, kind="job.not_changed", url=url, params=params, created_at=ctx.now)
        )
