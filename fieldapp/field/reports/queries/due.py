"""The visit of a job that a person has to report on next, and the suggestions of its form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from fieldapp.field.customers import Asset
from fieldapp.field.jobs import Job, Visit, VisitMember, own_visits
from fieldapp.field.reports.models import ServiceReport
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import names_of

_OPEN_STATES = ("working", "on_site", "paused", "en_route", "returned", "accepted", "assigned")


@dataclass(frozen=True)
class DueReport:
    """A visit of the person, whether they are still a member, and their latest report on it (id, state) if any."""

    visit: Visit
    still_on: bool
    report_id: str | None = None
    report_state: str | None = None

    @property
    def form_open(self) -> bool:
        """Return whether the person has not reported on the visit yet."""
        return self.report_id is None

    @property
    def order(self) -> tuple[int, int]:
        """Return the sort key: visits under way, then own undecided reports, then other visits, then accepted ones."""
        state = self.visit.state
        if self.report_id is not None:
            return (5, 0) if self.report_state == "accepted" else (1, 0)
        if self.still_on and state in _OPEN_STATES:
            return 0, _OPEN_STATES.index(state)
        return (2, 0) if self.still_on and state == "reported" else (3, 0)


def due_by_job(actor: Actor, job_ids: Iterable[str]) -> dict[str, DueReport]:
    """Return the visit to report on, by job id, for jobs the person is or was a member of. Two queries."""
    ids = set(job_ids)
    visits = own_visits(actor.id, ids) if ids else {}
    if not visits:
        return {}
    query = (
        select(ServiceReport.visit_id, ServiceReport.id, ServiceReport.state)
        .where(ServiceReport.author_id == actor.id, ServiceReport.job_id.in_(ids))
        .order_by(ServiceReport.received_at)
    )
    reports = {visit: (report, state) for visit, report, state in db.session.execute(query)}
    return {
        job: min(
            (DueReport(visit, on, *reports.get(visit.id, (None, None))) for visit, on in own), key=lambda due: due.order
        )
        for job, own in visits.items()
    }


def technician_names(visit: Visit) -> str:
    """Return the names of a visit's members, the one in charge first. Most next visits have the same people."""
    query = (
        select(VisitMember.user_id)
        .where(VisitMember.visit_id == visit.id, VisitMember.removed_at.is_(None))
        .order_by(VisitMember.in_charge.desc(), VisitMember.user_id)
    )
    members = list(db.session.scalars(query))
    names = names_of(members)
    return ", ".join(names[user] for user in members if user in names)


def terminals_at_site(job: Job) -> list[dict[str, Any]]:
    """Return the terminals known at the site of a terminal job, for the form's device rows; at most 100."""
    if job.category != "gps_terminal":
        return []
    query = (
        select(Asset.plate, Asset.serial_no, Asset.sim_no, Asset.mounted_at)
        .where(Asset.site_id == job.site_id, Asset.category == "gps_terminal", Asset.plate.is_not(None))
        .order_by(Asset.plate)
        .limit(100)
    )
    return [
        {"plate": plate, "terminal": serial, "sim": sim or "", "mounted_at": where or ""}
        for plate, serial, sim, where in db.session.execute(query)
    ]
