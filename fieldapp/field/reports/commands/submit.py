"""Commands of the author: submit a report, submit it again corrected (D-JOB-6, D-JOB-9, D-JOB-10)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Invalid, NotFound
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
from fieldapp.field.reports.commands.checks import (
    KIND,
    ReportContext,
    check_new,
    check_plan,
    complete_part_rows,
    visit_under_way,
)
from fieldapp.field.reports.commands.keep import PHOTOS, report_reference, store_version
from fieldapp.field.reports.models import ReportVersion, ServiceReport
from fieldapp.field.reports.policy import REPORT, content_of, fingerprint, late_reason
from fieldapp.field.reports.schemas import Resubmit, Submit, lift_to_version_2
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.policies import author_only
from fieldapp.platform.commandbus import Context, Effect, command, next_state, record
from fieldapp.services.accounts import leaders_of
from fieldapp.services.approvals import close_case, open_case

#: Sent to the author with the receipt of late work (D-JOB-10).
LATE_NOTES = {
    "cancelled": _l("Kept as late work: the job was cancelled meanwhile. The leader sees it."),
    "reassigned": _l("Kept as late work: the visit was given to somebody else meanwhile. The leader sees it."),
}

#: Sent to the author if the report was stored for another visit than the form had named (ADR 28).
OTHER_VISIT_NOTE = _l(
    "Kept for the later visit that you had started: the report of the earlier one is already accepted."
)


def _load_visit(ctx: Context, data: dict[str, Any]) -> ReportContext:
    visit = ctx.load(Visit, data["visit_id"])
    job = facts_of(visit.job_id)
    if job is None:
        raise NotFound("visit.not_found")
    if visit.state == "accepted_by_leader" and may_work_on(ctx.actor, job):
        started = visit_under_way(ctx, visit)
        if started is not None:
            return ReportContext(started, job, named_visit_id=visit.id)
    return ReportContext(visit, job)


def _may_submit(actor: Actor, target: ReportContext) -> bool:
    return may_work_on(actor, target.job)


@command(
    "service_report.submit",
    label=_l("Service report"),
    schema=Submit,
    load=_load_visit,
    may=_may_submit,
    version=2,
    lifts=(lift_to_version_2,),
    photos=(PHOTOS,),
    own_work=True,
)
def submit(ctx: Context, target: ReportContext, data: dict[str, Any]) -> Effect:
    """Store a report of a visit, also of a cancelled or reassigned one, and open its approval."""
    check_new(ctx, target, data)
    check_plan(ctx, data)
    complete_part_rows(ctx, data)
    late_why = _late_reason(ctx, target)
    earlier_reports = select(ServiceReport.id).where(ServiceReport.visit_id == target.visit.id)
    report = ServiceReport(
        id=ctx.id,
        visit_id=target.visit.id,
        job_id=target.job.job_id,
        group_id=target.job.group_id,
        author_id=ctx.actor.id,
        ref=report_reference(ctx),
        version=1,
        state="submitted",
        late=late_why is not None,
        late_why=late_why,
        is_further=ctx.exists(earlier_reports),
    )
    content = store_version(ctx, report, data, [note.sha256 for note in ctx.envelope.atts])
    _open_approval(ctx, report, content)
    _update_visit(ctx, report, target.visit)
    if report.late:
        _notify_leaders(ctx, report)
    note, after = LATE_NOTES.get(report.late_why or ""), _audit_values(report, content)
    if target.named_visit_id:
        note, after = note or OTHER_VISIT_NOTE, {**after, "named_visit_id": target.named_visit_id}
    return Effect(ref=report.ref, ver=1, after=after, note=note)


@command(
    "service_report.resubmit",
    label=_l("Corrected service report"),
    schema=Resubmit,
    load=record(ServiceReport),
    may=author_only("author_id"),
    version=2,
    lifts=(lift_to_version_2,),
    photos=(PHOTOS,),
    own_work=True,
)
def resubmit(ctx: Context, report: ServiceReport, data: dict[str, Any]) -> Effect:
    """Store the next version of a report that was returned or is not decided yet (D-JOB-9, D-JOB-12)."""
    current = {"report": report.id, "version": report.version}
    message = _l("This report was already accepted.")
    state = next_state(REPORT, report.state, "resubmit", message, "service_report.accepted", **current)
    check_plan(ctx, data)
    complete_part_rows(ctx, data)
    photos = _photos_with_new(ctx, report)
    _check_signature(ctx, report, data, photos)
    before = {"version": report.version, "state": report.state, "content_hash": report.signed_hash}
    if report.state == "submitted":
        close_case(ctx, (KIND, report.id))
        ctx.session.flush()
    report.state, report.version = state, report.version + 1
    content = store_version(ctx, report, data, photos)
    _open_approval(ctx, report, content)
    _update_visit(ctx, report, ctx.load(Visit, report.visit_id))
    return Effect(ref=report.ref, ver=report.version, before=before, after=_audit_values(report, content))


def _late_reason(ctx: Context, target: ReportContext) -> str | None:
    visit = facts_of_visit(target.visit)
    if visit is None:
        raise NotFound("visit.not_found")
    return late_reason(visit.state, visit.job_state, ctx.actor.id in visit.members)


def _open_approval(ctx: Context, report: ServiceReport, content: dict[str, Any]) -> None:
    """Open the case: the group's leader decides; a leader's own report goes one level up (D-ROLE-1)."""
    open_case(
        ctx,
        (KIND, report.id),
        requester_id=report.author_id,
        group_id=report.group_id,
        ver=report.version,
        shown={"content": content, "signature": fingerprint({"strokes": report.signature}) if report.signature else ""},
    )


def _update_visit(ctx: Context, report: ServiceReport, visit: Visit) -> None:
    """Mark the visit as reported. Late work and further reports on an accepted visit do not change it."""
    if report.late:
        record_event(ctx, visit, "report", late=True)
    elif visit.state != "accepted_by_leader":
        mark_visit_reported(ctx, visit, report.result)
    ctx.load(Job, report.job_id).ver += 1


def _notify_leaders(ctx: Context, report: ServiceReport) -> None:
    params = {"ref": report.ref, "job": job_lines([report.job_id])[report.job_id].words, "who": ctx.actor.name}
    for leader in leaders_of(report.group_id, on=clock.today()):
        ctx.notify(leader, f"service_report.late_{report.late_why}", f"/reports/{report.id}", **params)


def _photos_with_new(ctx: Context, report: ServiceReport) -> list[str]:
    latest = ctx.session.get_one(ReportVersion, (report.id, report.version))
    return [*latest.content.get("photos", []), *(note.sha256 for note in ctx.envelope.atts)]


def _check_signature(ctx: Context, report: ServiceReport, data: dict[str, Any], photos: list[str]) -> None:
    """Refuse strokes of an earlier version under changed content (D-JOB-12). Raise Invalid."""
    signature = data.get("signature")
    if not signature:
        return
    content = content_of(data, photos)
    query = select(ReportVersion).where(ReportVersion.report_id == report.id)
    if any(version.signature == signature and version.content != content for version in ctx.scalars(query)):
        message = _l("The report has changed: please have it signed again.")
        raise Invalid.field("signature", message, "signature.of_other_version")


def _audit_values(report: ServiceReport, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": report.version,
        "state": report.state,
        "visit_id": report.visit_id,
        "late_why": report.late_why,
        "signed_hash": report.signed_hash,
        "content": content,
    }
