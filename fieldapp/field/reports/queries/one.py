"""Load one report with its versions, photos and decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.field.jobs import JobLine, facts_of, job_lines
from fieldapp.field.reports.models import NextVisitPlan, ReportVersion, ServiceReport
from fieldapp.field.reports.policy import FIELDS, Change, changes, may_see_report, signature_paths
from fieldapp.field.reports.queries.plans import PlanNames, names_in_plan
from fieldapp.kernel import clock, money
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import names_of, technicians_of
from fieldapp.services.approvals import decider_text, history_of, may_decide_now, people_in, seen_json
from fieldapp.services.attachments import files_of

KIND = "service_report"


@dataclass(frozen=True)
class Decision:
    """A decision on a version. `state`: approved, returned or rejected."""

    state: str
    by: str
    at: datetime | None
    reason: str | None


@dataclass(frozen=True)
class Version:
    """A version as it was sent and signed, its changes, and the decisions on it."""

    number: int
    content: dict[str, Any]
    signature: list[str]
    seal: str
    submitted_at: datetime
    received_at: datetime
    changes: list[Change]
    verdicts: list[Decision] = field(default_factory=list)

    @property
    def plan_at(self) -> datetime | None:
        """Return the planned time of the next visit, or None."""
        return clock.parse_iso(self.content["plan_at"]) if "plan_at" in self.content else None

    @property
    def plan_total(self) -> Decimal:
        """Return the estimated cost of the planned parts in yuan."""
        lines = self.content.get("plan_lines", [])
        return sum((money.times(Decimal(line["unit_price"]), line["qty"]) for line in lines), money.yuan(0))

    @property
    def initial(self) -> dict[str, Any]:
        """Return the initial values of the correction form. The signature is asked for again (D-JOB-12)."""
        return {**self.content, "plan_at": self.plan_at, "unsigned": "no_signature_reason" in self.content}


@dataclass(frozen=True)
class ReportView:
    """Everything that the report's page shows."""

    report: ServiceReport
    job: JobLine
    author: str
    versions: list[Version]
    photos: list[Any]
    next_visit: bool
    may_decide: bool
    may_correct: bool
    seen_json: str
    plan_names: PlanNames | None = None

    @property
    def current(self) -> Version:
        """Return the latest version."""
        return self.versions[-1]

    @property
    def arrived(self) -> int:
        """Return how many of the photos are stored."""
        return sum(photo.state == "stored" for photo in self.photos)

    @property
    def last_return(self) -> Decision | None:
        """Return the decision that returned the report, or None if it is not returned now."""
        returned = [verdict for version in self.versions for verdict in version.verdicts if verdict.state == "returned"]
        return returned[-1] if returned and self.report.state == "returned" else None


def visible_report(actor: Actor, report_id: str) -> ServiceReport:
    """Return the report if the actor may see it. Raise NotFound."""
    report = db.session.get(ServiceReport, report_id)
    facts = facts_of(report.job_id) if report else None
    if report is None or facts is None or not may_see_report(actor, report.author_id, facts):
        raise NotFound("service_report.not_found")
    return report


def sees(actor: Actor, report_id: str) -> bool:
    """Return whether the actor may see the report, and so its photos."""
    try:
        return visible_report(actor, report_id) is not None
    except NotFound:
        return False


def view(actor: Actor, report_id: str) -> ReportView:
    """Return the report with versions, photos and decisions. Raise NotFound."""
    report = visible_report(actor, report_id)
    cases = history_of(KIND, report_id)
    names = names_of({report.author_id} | people_in(cases))
    verdicts = {
        case.round: [
            Decision(step.state, decider_text(step, names), step.decided_at, step.reason)
            for step in steps
            if step.decided_at
        ]
        for case, steps in cases
    }
    planned = select(NextVisitPlan.visit_id).where(NextVisitPlan.report_id == report_id)
    versions = _versions(report_id, verdicts)
    people = versions[-1].content.get("plan_people")
    return ReportView(
        report=report,
        job=job_lines([report.job_id])[report.job_id],
        author=names.get(report.author_id, ""),
        versions=versions,
        photos=files_of(KIND, [report_id]).get(report_id, []),
        next_visit=db.session.scalar(planned) is not None,
        may_decide=may_decide_now(actor, cases[-1][0] if cases else None) and actor.can("service_report.accept"),
        may_correct=actor.id == report.author_id and report.state != "accepted",
        seen_json=seen_json(*cases[-1]) if cases else "",
        plan_names=names_in_plan(people, technicians_of([report.group_id], on=clock.today())) if people else None,
    )


def _versions(report_id: str, verdicts: dict[int, list[Decision]]) -> list[Version]:
    query = select(ReportVersion).where(ReportVersion.report_id == report_id).order_by(ReportVersion.version)
    versions: list[Version] = []
    for row in db.session.scalars(query):
        before = versions[-1].content if versions else row.content
        versions.append(
            Version(
                number=row.version,
                content=row.content,
                signature=signature_paths(row.signature),
                seal=row.content_hash,
                submitted_at=row.submitted_at,
                received_at=row.received_at,
                changes=changes(before, row.content, FIELDS),
                # Version n was decided in round n.
                verdicts=verdicts.get(row.version, []),
            )
        )
    return versions
