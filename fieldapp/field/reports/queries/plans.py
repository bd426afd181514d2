"""The technicians named in a next-visit plan, for the leader."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.field.reports.models import NextVisitPlan, ServiceReport
from fieldapp.field.reports.policy import people_of_plan
from fieldapp.kernel.manifest import Panel
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import technicians_of


@dataclass(frozen=True)
class PlanNames:
    """Names of the group's technicians in a plan, the one in charge first, and words that match nobody."""

    matched: list[str]
    unmatched: list[str]

    @property
    def note(self) -> Any:
        """Return the leader's note with the receipt: who was not matched, and who goes instead; None if all were."""
        return f"{self.missing} {self.planned}" if self.unmatched else None

    @property
    def missing(self) -> Any:
        """Return the sentence that lists the unmatched names."""
        return _l("No technician of the group is called: %(names)s.", names=", ".join(self.unmatched))

    @property
    def planned(self) -> Any:
        """Return the sentence that says for whom the next visit is planned."""
        if self.matched:
            return _l("The next visit is planned for: %(names)s.", names=", ".join(self.matched))
        return _l("The next visit is planned for the people of this one.")


def names_in_plan(text: str, technicians: Iterable[tuple[int, str]]) -> PlanNames:
    """Return the names in a plan, given `(id, name)` of the group's technicians."""
    people = list(technicians)
    names = dict(people)
    matched, unmatched = people_of_plan(text, people)
    return PlanNames([names[user] for user in matched], unmatched)


def plan_panels(job_id: str, group_id: int, visit_id: str | None) -> list[Panel]:
    """Return the plan of the job's latest report for the planning form, or the plan that the visit was made of."""
    query = (
        select(ServiceReport.id, NextVisitPlan)
        .outerjoin(NextVisitPlan, NextVisitPlan.report_id == ServiceReport.id)
        .where(ServiceReport.job_id == job_id, ServiceReport.state != "returned")
        .order_by(ServiceReport.submitted_at.desc(), ServiceReport.id)
        .limit(1)
    )
    if visit_id is not None:
        query = query.where(NextVisitPlan.visit_id == visit_id)
    row = db.session.execute(query).first()
    if row is None or row.NextVisitPlan is None:
        return []
    names = names_in_plan(row.NextVisitPlan.people, technicians_of([group_id]))
    return [Panel("field/reports/_plan.html", {"plan": row.NextVisitPlan, "names": names, "report_id": row.id})]
