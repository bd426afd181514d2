"""`job.change`: the leader changes what is planned and known of a job; the office has the last word (ADR 17)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict, Invalid, NotFound
from fieldapp.field.jobs.commands.cancel import Led, load_job, may_lead_job
from fieldapp.field.jobs.commands.dispatch import BACK
from fieldapp.field.jobs.models import Job, Visit
from fieldapp.field.jobs.policy import OPEN_VISIT, OVER
from fieldapp.field.jobs.schemas import Change
from fieldapp.field.jobs.workings import tell_people
from fieldapp.platform.commandbus import Context, Effect, Merges, audit_diff, command, label_of, merge_note
from fieldapp.platform.commandbus.models import Notice

OF_THE_JOB = ("title", "said", "urgency")
OF_THE_VISIT = ("planned_start", "planned_minutes")


def _load(ctx: Context, data: dict[str, Any]) -> Led:
    led = load_job(ctx, data)
    if not data.get("visit_id"):
        return led
    visit = ctx.load(Visit, data["visit_id"])
    if visit.job_id != led.job.id:
        raise NotFound("visit.not_found")
    return Led(led.job, led.facts, visit)


def _now(led: Led) -> dict[str, Any]:
    of_the_visit = {name: getattr(led.visit, name) for name in OF_THE_VISIT} if led.visit else {}
    return {name: getattr(led.job, name) for name in OF_THE_JOB} | of_the_visit


@command(
    "job.change",
    label=_l("Change the job"),
    schema=Change,
    load=_load,
    may=may_lead_job,
    merges=Merges(OF_THE_JOB + OF_THE_VISIT, _now, lambda led: led.job.ver, frozenset(OF_THE_JOB + OF_THE_VISIT)),
)
def change(ctx: Context, led: Led, data: dict[str, Any]) -> Effect:
    """Writes what nobody else changed meanwhile, tells the technicians, and the leader what stays as it is."""
    changes = ctx.merged.changes
    _check(ctx, led, changes)
    before, after = audit_diff(ctx, _now(led))
    for name in changes.keys() & set(OF_THE_JOB):
        setattr(led.job, name, changes[name] or "")
    led.job.ver += 1
    if led.visit and changes.keys() & set(OF_THE_VISIT):
        for name in changes.keys() & set(OF_THE_VISIT):
            setattr(led.visit, name, changes[name])
        led.visit.ver += 1
    note = merge_note(ctx, change)
    _tell(ctx, led, note)
    return Effect(led.job.number, led.job.ver, before, after, note)


def _check(ctx: Context, led: Led, changes: dict[str, Any]) -> None:
    if led.job.state in OVER:
        raise Conflict("job.over", _l("This job is closed."))
    moved = changes.keys() & set(OF_THE_VISIT)
    if moved and led.visit is not None and led.visit.state not in OPEN_VISIT:
        raise Conflict("visit.over", _l("This visit is over, or its report is in."), {"state": led.visit.state})
    for name in moved:
        if changes[name] is None:
            raise Invalid.field(name, _l("Please fill this in."))
    if "planned_start" in moved and changes["planned_start"] < ctx.now - BACK:
        raise Invalid.field("planned_start", _l("This time lies too far in the past."))


def _tell(ctx: Context, led: Led, note: str | None) -> None:
    """The technicians hear what changed; the author what did not, in the inbox, wherever it was sent from."""
    job: Job = led.job
    if ctx.merged.changes:
        names = ", ".join(label_of(change, name) for name in ctx.merged.changes)
        tell_people(ctx, job.id, led.facts.members, "job.changed", fields=names)
    if ctx.merged.kept:
        params = {"job": job.title, "note": note}
        url = f"/jobs/{job.id}"
        ctx.notices.append(
            Notice(user_id=ctx.actor.id, kind="job.not_changed", url=url, params=params, created_at=ctx.now)
        )
