"""Commands of the leader: accept a report or return it; an accepted plan becomes the next visit (D-JOB-7, D-JOB-9)."""

from __future__ import annotations

from sqlalchemy import select

from fieldapp.field.jobs import Job, Visit, apply_report_decision, facts_of_visit, job_label, plan_visit
from fieldapp.field.reports.commands.checks import KIND
from fieldapp.field.reports.commands.shown import details
from fieldapp.field.reports.models import NextVisitPlan, PlanLine, ServiceReport
from fieldapp.field.reports.policy import REPORT, people_of_plan
from fieldapp.field.reports.queries.plans import PlanNames, names_in_plan
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import Context, Effect
from fieldapp.services.accounts import technicians_of
from fieldapp.services.approvals import Subject, decision
from fieldapp.supply.parts import request_from_plan


def on_decided(ctx: Context, record_id: str, verdict: str, reason: str | None) -> Effect:
    """Apply the decision to report and visit, plan the next visit of an accepted plan, and notify the author."""
    report = ctx.load(ServiceReport, record_id)
    before = {"state": report.state, "version": report.version}
    report.state = REPORT.next(report.state, verdict)
    if not report.late:
        _apply_to_visit(ctx, report, verdict)
    params = {"ref": report.ref, "job": job_label(ctx, report.job_id), "who": ctx.actor.name}
    note = None
    if verdict == "approved":
        names = _plan_next_visit(ctx, report)
        note = names.note if names else None
        ctx.notify(report.author_id, "service_report.accept", f"/reports/{report.id}", **params)
    else:
        url = f"/reports/{report.id}/correct"
        ctx.notify(report.author_id, "service_report.return", url, reason=reason or "", **params)
    ctx.load(Job, report.job_id).ver += 1
    after = {"state": report.state, "version": report.version, "reason": reason}
    return Effect(ref=report.ref, ver=report.version, before=before, after=after, note=note)


def _apply_to_visit(ctx: Context, report: ServiceReport, verdict: str) -> None:
    visit = ctx.load(Visit, report.visit_id)
    if visit.state == "reported":
        visit.result = report.result
    apply_report_decision(ctx, visit.id, verdict)


def _plan_next_visit(ctx: Context, report: ServiceReport) -> PlanNames | None:
    """Plan the next visit of an accepted plan, once for each visit. Return the names in the plan if a visit was made.

    Late work plans nothing: the leader dispatches.
    """
    plan = ctx.find(NextVisitPlan, report.id)
    if plan is None or report.late or _is_planned(ctx, report):
        return None
    visit = ctx.load(Visit, report.visit_id)
    group = technicians_of([report.group_id], on=clock.today())
    technicians = people_of_plan(plan.people, group).matched or _technicians(visit, report.author_id)
    next_visit = plan_visit(ctx, report.job_id, technicians, plan.planned_at, visit.planned_minutes)
    plan.visit_id = next_visit.id
    _request_parts(ctx, report, plan)
    return names_in_plan(plan.people, group)


def _is_planned(ctx: Context, report: ServiceReport) -> bool:
    query = (
        select(NextVisitPlan.report_id)
        .join(ServiceReport, ServiceReport.id == NextVisitPlan.report_id)
        .where(ServiceReport.visit_id == report.visit_id, NextVisitPlan.visit_id.is_not(None))
    )
    return ctx.exists(query)


def _technicians(visit: Visit, author_id: int) -> list[int]:
    """Return the visit's technicians, the one in charge first; the author if nobody is left on the visit."""
    facts = facts_of_visit(visit)
    members = facts.members if facts else frozenset()
    return sorted(members or {author_id}, key=lambda user: (user != visit.technician_id, user))


def _request_parts(ctx: Context, report: ServiceReport, plan: NextVisitPlan) -> None:
    """Create a parts request from the plan's lines, so that nobody types them again (D-JOB-7)."""
    query = select(PlanLine).where(PlanLine.report_id == report.id).order_by(PlanLine.position)
    lines = [
        {"part_id": line.part_id, "name": line.name, "qty": line.qty, "unit_price": line.unit_price}
        for line in ctx.scalars(query)
    ]
    if lines:
        request_from_plan(
            ctx,
            job_id=report.job_id,
            requester_id=report.author_id,
            lines=lines,
            wanted_on=clock.local(plan.planned_at).date(),
            reason=f"{report.ref} · {report.fault}"[:500],
        )


REPORTS = Subject(KIND, on_decided, details)
accept = decision(REPORTS, "accept")
send_back = decision(REPORTS, "return")
