"""Who of a next-visit plan can be planned for, as the leader is shown it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.field.reports.models import NextVisitPlan, ServiceReport
from fieldapp.field.reports.policy import people_of_plan
from fieldapp.kernel.offers import Panel
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import technicians_of


@dataclass(frozen=True)
class PlanNames:
    """Names in a plan: of technicians of the job's group, the one in charge first, and words that match nobody."""

    found: list[str]
    unmatched: list[str]

    @property
    def note(self) -> Any:
        """What the leader is told with the receipt: who could not be matched, and who goes instead."""
        return f"{self.missing} {self.planned}" if self.unmatched else None

    @property
    def missing(self) -> Any:
        """Which names belong to nobody of the group."""
        return _l("No technician of the group is called: %(names)s.", names=", ".join(self.unmatched))

    @property
    def planned(self) -> Any:
        """For whom the next visit is planned."""
        if self.found:
            return _l("The next visit is planned for: %(names)s.", names=", ".join(self.found))
        return _l("The next visit is planned for the people of this one.")


def names_in_plan(text: str, technicians: Iterable[tuple[int, str]]) -> PlanNames:
    """Return whom a plan names, given `(id, name)` of the group's technicians."""
    people = list(technicians)
    names = dict(people)
    found, unmatched = people_of_plan(text, people)
    return PlanNames([names[user] for user in found], unmatched)


def plan_panels(job_id: str, group_id: int, visit_id: str | None) -> list[Panel]:
    """What a leader who plans a visit is shown: the plan of the job's latest report, or the one that made the visit."""
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
