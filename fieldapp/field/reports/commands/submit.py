"""Sending a report from a visit, and sending it again corrected (D-JOB-6, D-JOB-9, D-JOB-10)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict, Invalid, NotFound
from fieldapp.field.jobs import (
    Job,
    Visit,
    facts_of,
    facts_of_visit,
    job_lines,
    mark_visit_reported,
    may_work_on,
    record_event,
)
from fieldapp.field.reports.commands.checks import KIND, OnVisit, check_new, check_plan, name_parts, visit_under_way
from fieldapp.field.reports.commands.keep import PHOTOS, keep, reference
from fieldapp.field.reports.models import ReportVersion, ServiceReport
from fieldapp.field.reports.policy import REPORT, content_of, fingerprint, late_because, may_correct
from fieldapp.field.reports.schemas import Resubmit, Submit, with_reason
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import IllegalMove
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.services.accounts import leaders_of
from fieldapp.services.approvals import close_case, open_case

#: What the author hears with the receipt of late work (D-JOB-10).
LATE = {
    "cancelled": _l("Kept as late work: the job was cancelled meanwhile. The leader sees it."),
    "reassigned": _l("Kept as late work: the visit was given to somebody else meanwhile. The leader sees it."),
}


#: What the author hears where the report was kept for another visit than the form had named.
MOVED = _l("Kept for the later visit that you had started: the report of the earlier one is already accepted.")


def _visit(ctx: Context, data: dict[str, Any]) -> OnVisit:
    visit = ctx.load(Visit, data["visit_id"])
    job = facts_of(visit.job_id)
    if job is None:
        raise NotFound("visit.not_found")
    if visit.state == "accepted_by_leader" and may_work_on(ctx.actor, job):
        started = visit_under_way(ctx, visit)
        if started is not None:
            return OnVisit(started, job, named=visit.id)
    return OnVisit(visit, job)


def _on_the_job(actor: Actor, on: OnVisit) -> bool:
    return may_work_on(actor, on.job)


@command(
    "service_report.submit",
    label=_l("Service report"),
    schema=Submit,
    load=_visit,
    may=_on_the_job,
    version=2,
    lifts=(with_reason,),
    photos=(PHOTOS,),
    own_work=True,
)
def submit(ctx: Context, on: OnVisit, data: dict[str, Any]) -> Effect:
    """Takes in a report of a visit, also of one that was cancelled or given away meanwhile, and asks the leader."""
    check_new(ctx, on, data)
    check_plan(ctx, data)
    name_parts(ctx, data)
    why = _late_because(ctx, on)
    others = select(ServiceReport.id).where(ServiceReport.visit_id == on.visit.id)
    report = ServiceReport(
        id=ctx.id,
        visit_id=on.visit.id,
        job_id=on.job.job_id,
        group_id=on.job.group_id,
        author_id=ctx.actor.id,
        ref=reference(ctx),
        version=1,
        state="submitted",
        late=why is not None,
        late_why=why,
        is_further=ctx.exists(others),
    )
    content = keep(ctx, report, data, [note.sha256 for note in ctx.envelope.atts])
    _ask(ctx, report, content)
    _move_visit(ctx, report, on.visit)
    if report.late:
        _tell_leaders(ctx, report)
    note, after = LATE.get(report.late_why or ""), _trail(report, content)
    if on.named:
        note, after = note or MOVED, {**after, "named_visit_id": on.named}
    return Effect(ref=report.ref, ver=1, after=after, note=note)


def _own(ctx: Context, data: dict[str, Any]) -> ServiceReport:
    return ctx.load(ServiceReport, ctx.id)


@command(
    "service_report.resubmit",
    label=_l("Corrected service report"),
    schema=Resubmit,
    load=_own,
    may=may_correct,
    version=2,
    lifts=(with_reason,),
    photos=(PHOTOS,),
    own_work=True,
)
def resubmit(ctx: Context, report: ServiceReport, data: dict[str, Any]) -> Effect:
    """The next version of a report that was returned, or that nobody has decided on yet (D-JOB-9, D-JOB-12)."""
    try:
        state = REPORT.next(report.state, "resubmit")
    except IllegalMove:
        words = _l("This report was already accepted.")
        current = {"report": report.id, "state": report.state, "version": report.version}
        raise Conflict("service_report.accepted", words, current) from None
    check_plan(ctx, data)
    name_parts(ctx, data)
    photos = _photos_with_new(ctx, report)
    _check_signature(ctx, report, data, photos)
    before = {"version": report.version, "state": report.state, "content_hash": report.signed_hash}
    if report.state == "submitted":
        close_case(ctx, (KIND, report.id))
        ctx.session.flush()
    report.state, report.version = state, report.version + 1
    content = keep(ctx, report, data, photos)
    _ask(ctx, report, content)
    _move_visit(ctx, report, ctx.load(Visit, report.visit_id))
    return Effect(ref=report.ref, ver=report.version, before=before, after=_trail(report, content))


def _late_because(ctx: Context, on: OnVisit) -> str | None:
    visit = facts_of_visit(on.visit)
    if visit is None:
        raise NotFound("visit.not_found")
    return late_because(visit.state, visit.job_state, ctx.actor.id in visit.members)


def _ask(ctx: Context, report: ServiceReport, content: dict[str, Any]) -> None:
    """The leader of the group decides; a leader's own report goes one up (D-ROLE-1)."""
    open_case(
        ctx,
        (KIND, report.id),
        requester_id=report.author_id,
        group_id=report.group_id,
        ver=report.version,
        shown={"content": content, "signature": fingerprint({"strokes": report.signature}) if report.signature else ""},
    )


def _move_visit(ctx: Context, report: ServiceReport, visit: Visit) -> None:
    """Late work, and a further report on a visit that is settled, move nothing: the leader looks at them."""
    if report.late:
        record_event(ctx, visit, "report", late=True)
    elif visit.state != "accepted_by_leader":
        mark_visit_reported(ctx, visit, report.result)
    ctx.load(Job, report.job_id).ver += 1


def _tell_leaders(ctx: Context, report: ServiceReport) -> None:
    told = {"ref": report.ref, "job": job_lines([report.job_id])[report.job_id].words, "who": ctx.actor.name}
    for leader in leaders_of(report.group_id):
        ctx.notify(leader, f"service_report.late_{report.late_why}", f"/reports/{report.id}", **told)


def _photos_with_new(ctx: Context, report: ServiceReport) -> list[str]:
    latest = ctx.session.get_one(ReportVersion, (report.id, report.version))
    return [*latest.content.get("photos", []), *(note.sha256 for note in ctx.envelope.atts)]


def _check_signature(ctx: Context, report: ServiceReport, data: dict[str, Any], photos: list[str]) -> None:
    """A signature belongs to what was signed: strokes of an earlier version do not sign a changed one (D-JOB-12)."""
    strokes = data.get("signature")
    if not strokes:
        return
    content = content_of(data, photos)
    query = select(ReportVersion).where(ReportVersion.report_id == report.id)
    if any(one.signature == strokes and one.content != content for one in ctx.scalars(query)):
        words = _l("The report has changed: please have it signed again.")
        raise Invalid.field("signature", words, "signature.of_other_version")


def _trail(report: ServiceReport, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": report.version,
        "state": report.state,
        "visit_id": report.visit_id,
        "late_why": report.late_why,
        "signed_hash": report.signed_hash,
        "content": content,
    }
