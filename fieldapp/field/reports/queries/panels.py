"""Panels of reports on other pages: on the job, in the inbox, and the pages that a phone keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import case, select

from fieldapp.field.jobs import JobSheet, line_in, pack_jobs, with_job
from fieldapp.field.reports.models import NextVisitPlan, PlanLine, ServiceReport
from fieldapp.field.reports.queries.due import due_by_job
from fieldapp.field.reports.queries.plans import PlanNames, names_in_plan
from fieldapp.kernel import money
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import Panel
from fieldapp.platform.database import among
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import names_of, technicians_by_group
from fieldapp.services.approvals import last_returns
from fieldapp.services.attachments import files_of

KIND = "service_report"


def job_panels(actor: Actor, job: JobSheet) -> list[Panel]:
    """Return the panel with the job's reports, for people who have a report there or one to write."""
    context = reports_of_job(actor, job.id)
    due = context["due"]
    return (
        [Panel("field/reports/_job.html", context, order=30)] if context["reports"] or (due and due.form_open) else []
    )


def reports_of_job(actor: Actor, job_id: str) -> dict[str, Any]:
    """Return the panel's context: the reports, newest first, and the visit that the actor has to report on."""
    query = (
        select(
            ServiceReport.id,
            ServiceReport.ref,
            ServiceReport.state,
            ServiceReport.result,
            ServiceReport.submitted_at,
            ServiceReport.author_id,
            ServiceReport.late,
        )
        .where(ServiceReport.job_id == job_id)
        .order_by(ServiceReport.submitted_at.desc(), ServiceReport.id)
    )
    rows = db.session.execute(query).all()
    due = due_by_job(actor, [job_id]).get(job_id) if actor.can("service_report.submit") else None
    back = last_returns(KIND, [row.id for row in rows if row.state == "returned"])
    names = names_of(row.author_id for row in rows)
    return {"job_id": job_id, "reports": rows, "names": names, "due": due, "returned": back}


_late: Any = select(ServiceReport.job_id).where(
    among(ServiceReport.job_id, "jobs"), ServiceReport.late, ServiceReport.state == "submitted"
)


def job_tags(job_ids: Sequence[str]) -> dict[str, list[tuple[str, Any]]]:
    """Return the tag `Late work` for jobs with late reports that wait for the leader (D-JOB-10)."""
    if not job_ids:
        return {}
    late = db.session.execute(_late, {"jobs": job_ids})
    return {job: [("hot", _l("Late work"))] for (job,) in late}


def about_report(who: str, job: str) -> str:
    """Return the label of a report: its author and its job."""
    return gettext("%(who)s's service report · %(job)s", who=who, job=job)


def inbox_panels(ids: Sequence[str]) -> dict[str, Panel]:
    """Return what the leader needs for a decision, by report id. Three queries for all reports."""
    photos = files_of(KIND, ids)
    query = (
        select(ServiceReport, NextVisitPlan, PlanLine)
        .outerjoin(NextVisitPlan, NextVisitPlan.report_id == ServiceReport.id)
        .outerjoin(PlanLine, PlanLine.report_id == NextVisitPlan.report_id)
        .where(ServiceReport.id.in_(list(ids)))
        .order_by(ServiceReport.id, PlanLine.position)
    )
    panels: dict[str, Panel] = {}
    rows = db.session.execute(with_job(query, ServiceReport.job_id)).all()
    groups = {row.ServiceReport.group_id for row in rows if row.NextVisitPlan is not None}
    technicians = technicians_by_group(groups) if groups else {}
    for row in rows:
        report, plan, line = row.ServiceReport, row.NextVisitPlan, row.PlanLine
        if report.id not in panels:
            shown = {"report": report, "job": line_in(row), "photos": photos.get(report.id, [])}
            about = partial(about_report, job=shown["job"].words)
            group = technicians.get(report.group_id, [])
            shown["plan"] = _Plan(plan, names_in_plan(plan.people, group)) if plan else None
            panels[report.id] = Panel("field/reports/_inbox.html", shown, about=about)
        if line is not None:
            panels[report.id].context["plan"].lines.append(line)
    return panels


@dataclass
class _Plan:
    """A plan with its lines, for the inbox."""

    plan: NextVisitPlan
    names: PlanNames
    lines: list[PlanLine] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """Return the estimated cost of the lines in yuan."""
        return sum((money.times(line.unit_price or money.yuan(0), line.qty) for line in self.lines), money.yuan(0))


def pack(actor: Actor) -> Iterable[str]:
    """The form of every job the phone takes along, and what came back for correction."""
    if not actor.can("service_report.submit"):
        return
    jobs = pack_jobs(actor)
    due = due_by_job(actor, jobs)
    for job_id in jobs:
        # An address that leads on to the report that exists is no page to keep.
        one = due.get(job_id)
        if one is not None and one.report_state != "accepted":
            yield f"/jobs/{job_id}/report"
    yield from _undecided(actor)


#: Own reports that the leader has not accepted yet: their author can still correct them.
MOST_UNDECIDED = 20


def _undecided(actor: Actor) -> Iterable[str]:
    query = (
        select(ServiceReport.id)
        .where(ServiceReport.author_id == actor.id, ServiceReport.state != "accepted")
        .order_by(case((ServiceReport.state == "returned", 0), else_=1), ServiceReport.submitted_at.desc())
        .limit(MOST_UNDECIDED)
    )
    for report in db.session.scalars(query):
        yield f"/reports/{report}"
        yield f"/reports/{report}/correct"
