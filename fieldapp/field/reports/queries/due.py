"""Which of a person's visits of a job wants a report now, and what its form offers."""

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

_ON_THE_WAY = ("working", "on_site", "paused", "en_route", "returned", "accepted", "assigned")


@dataclass(frozen=True)
class Due:
    """A visit of the person, whether they are still on it, and their latest report of it (id, state) if any."""

    visit: Visit
    still_on: bool
    report_id: str | None = None
    report_state: str | None = None

    @property
    def form_open(self) -> bool:
        """Whether the person has yet to report on it."""
        return self.report_id is None

    @property
    def order(self) -> tuple[int, int]:
        """Work under way comes first, then an own report to look after, then what came to nothing."""
        state = self.visit.state
        if self.report_id is not None:
            return (5, 0) if self.report_state == "accepted" else (1, 0)
        if self.still_on and state in _ON_THE_WAY:
            return 0, _ON_THE_WAY.index(state)
        return (2, 0) if self.still_on and state == "reported" else (3, 0)


def due_by_job(actor: Actor, job_ids: Iterable[str]) -> dict[str, Due]:
    """The visit to report on, by job id, for the jobs on which the person ever was; two queries."""
    wanted = set(job_ids)
    visits = own_visits(actor.id, wanted) if wanted else {}
    if not visits:
        return {}
    query = (
        select(ServiceReport.visit_id, ServiceReport.id, ServiceReport.state)
        .where(ServiceReport.author_id == actor.id, ServiceReport.job_id.in_(wanted))
        .order_by(ServiceReport.received_at)
    )
    reports = {visit: (one, state) for visit, one, state in db.session.execute(query)}
    return {
        job: min((Due(visit, on, *reports.get(visit.id, (None, None))) for visit, on in own), key=lambda due: due.order)
        for job, own in visits.items()
    }


def people_on(visit: Visit) -> str:
    """Names of those on a visit, the one in charge first: most next visits are done by the same people."""
    query = (
        select(VisitMember.user_id)
        .where(VisitMember.visit_id == visit.id, VisitMember.removed_at.is_(None))
        .order_by(VisitMember.in_charge.desc(), VisitMember.user_id)
    )
    members = list(db.session.scalars(query))
    names = names_of(members)
    return ", ".join(names[one] for one in members if one in names)


def plates_at(job: Job) -> list[dict[str, Any]]:
    """Terminals known at the site of a terminal job, for the device rows to choose from."""
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
