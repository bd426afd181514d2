"""One report, with everything ever said about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.field.jobs import JobLine, facts_of, job_lines
from fieldapp.field.reports.models import NextVisitPlan, ReportVersion, ServiceReport
from fieldapp.field.reports.policy import FIELDS, Change, changes, may_see_report, paths
from fieldapp.field.reports.queries.plans import PlanNames, names_in_plan
from fieldapp.kernel import clock, money
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import names_of, technicians_of
from fieldapp.services.approvals import history_of, may_decide_now, seen_json
from fieldapp.services.attachments import files_of

KIND = "service_report"


@dataclass(frozen=True)
class Verdict:
    """What was decided about a version, by whom and why."""

    state: str
    by: str
    at: datetime | None
    reason: str | None


@dataclass(frozen=True)
class Version:
    """A version as it was sent and signed, what it changed, and what became of it."""

    number: int
    content: dict[str, Any]
    signature: list[str]
    seal: str
    submitted_at: datetime
    received_at: datetime
    changes: list[Change]
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def plan_at(self) -> datetime | None:
        """When the next visit is wanted."""
        return clock.parse_iso(self.content["plan_at"]) if "plan_at" in self.content else None

    @property
    def plan_total(self) -> Decimal:
        """What the parts to buy are estimated to come to."""
        lines = self.content.get("plan_lines", [])
        return sum((money.times(Decimal(one["unit_price"]), one["qty"]) for one in lines), money.yuan(0))

    @property
    def initial(self) -> dict[str, Any]:
        """The form filled in again; the signature is asked for anew (D-JOB-12)."""
        return {**self.content, "plan_at": self.plan_at, "unsigned": "no_signature_reason" in self.content}


@dataclass(frozen=True)
class View:
    """All that the report's page shows."""

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
    def now(self) -> Version:
        """The version that holds."""
        return self.versions[-1]

    @property
    def arrived(self) -> int:
        """How many of the photos the server has."""
        return sum(photo.state == "stored" for photo in self.photos)

    @property
    def last_return(self) -> Verdict | None:
        """Why it came back, where it did."""
        returned = [one for version in self.versions for one in version.verdicts if one.state == "returned"]
        return returned[-1] if returned and self.report.state == "returned" else None


def visible(actor: Actor, report_id: str) -> ServiceReport:
    """The report, if this person may see it. Raises NotFound."""
    report = db.session.get(ServiceReport, report_id)
    facts = facts_of(report.job_id) if report else None
    if report is None or facts is None or not may_see_report(actor, report.author_id, facts):
        raise NotFound("service_report.not_found")
    return report


def sees(actor: Actor, report_id: str) -> bool:
    """Whether the person may see a report, and so its photos."""
    try:
        return visible(actor, report_id) is not None
    except NotFound:
        return False


def view(actor: Actor, report_id: str) -> View:
    """The report with versions, photos and decisions. Raises NotFound."""
    report = visible(actor, report_id)
    rounds = history_of(KIND, report_id)
    names = names_of({report.author_id} | {step.decided_by for _, steps in rounds for step in steps if step.decided_by})
    verdicts = {
        case.round: [
            Verdict(step.state, names.get(step.decided_by or 0, ""), step.decided_at, step.reason)
            for step in steps
            if step.decided_at
        ]
        for case, steps in rounds
    }
    planned = select(NextVisitPlan.visit_id).where(NextVisitPlan.report_id == report_id)
    versions = _versions(report_id, verdicts)
    people = versions[-1].content.get("plan_people")
    return View(
        report=report,
        job=job_lines([report.job_id])[report.job_id],
        author=names.get(report.author_id, ""),
        versions=versions,
        photos=files_of(KIND, [report_id]).get(report_id, []),
        next_visit=db.session.scalar(planned) is not None,
        may_decide=may_decide_now(actor, rounds[-1][0] if rounds else None) and actor.can("service_report.accept"),
        may_correct=actor.id == report.author_id and report.state != "accepted",
        seen_json=seen_json(*rounds[-1]) if rounds else "",
        plan_names=names_in_plan(people, technicians_of([report.group_id])) if people else None,
    )


def _versions(report_id: str, verdicts: dict[int, list[Verdict]]) -> list[Version]:
    query = select(ReportVersion).where(ReportVersion.report_id == report_id).order_by(ReportVersion.version)
    made: list[Version] = []
    for row in db.session.scalars(query):
        before = made[-1].content if made else row.content
        made.append(
            Version(
                number=row.version,
                content=row.content,
                signature=paths(row.signature),
                seal=row.content_hash,
                submitted_at=row.submitted_at,
                received_at=row.received_at,
                changes=changes(before, row.content, FIELDS),
                # Every version opened a round of its own.
                verdicts=verdicts.get(row.version, []),
            )
        )
    return made
