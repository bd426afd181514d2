"""Load one job with everything its page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from fieldapp.field.customers import Contact, Customer, Site
from fieldapp.field.jobs.models import Job, Visit, VisitMember
from fieldapp.field.jobs.policy import INACTIVE_VISIT, OPEN_VISIT, PROGRESS_ORDER, JobFacts, may_see_job
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import name_by

#: Number of leading columns of job_sheet()'s query that belong to the job; visit and member columns follow.
JOB_COLUMNS = 24


@dataclass
class VisitLine:
    """A visit with its people (user ids); `former` are the members it was taken from."""

    id: str
    planned_start: datetime
    planned_minutes: int
    state: str
    result: str | None
    ver: int
    technician_id: int
    members: list[int] = field(default_factory=list)
    former: list[int] = field(default_factory=list)


@dataclass
class JobSheet:
    """A job for its page and for other features' panels; `visit` is the visit that the page is about."""

    id: str
    number: str
    customer_id: str
    site_id: str
    group_id: int
    title: str
    fault_description: str
    category: str
    service_class: str
    urgency: str
    is_complex: bool
    channel: str
    state: str
    received_at: datetime
    ver: int
    customer: str
    customer_note: str
    site: str
    address: str
    lat: float | None
    lon: float | None
    contact: str | None
    contact_title: str | None
    phone: str | None
    visits: list[VisitLine] = field(default_factory=list)
    visit: VisitLine | None = None
    names: dict[int, str] = field(default_factory=dict)

    @property
    def facts(self) -> JobFacts:
        """Return the facts by which policies judge the job."""
        members = frozenset(user for visit in self.visits for user in visit.members)
        former = frozenset(user for visit in self.visits for user in visit.former)
        return JobFacts(self.id, self.group_id, members, former - members)

    def who(self, visit: VisitLine) -> str:
        """Return the names of the visit's technicians, the one in charge first."""
        return ", ".join(self.names.get(user, "") for user in visit.members)


def job_sheet(actor: Actor, job_id: str) -> JobSheet | None:
    """Return the job with its visits and people, or None if it does not exist or is hidden from the actor.

    One query.
    """
    query: Any = (
        select(
            Job.id,
            Job.number,
            Job.customer_id,
            Job.site_id,
            Job.group_id,
            Job.title,
            Job.fault_description,
            Job.category,
            Job.service_class,
            Job.urgency,
            Job.is_complex,
            Job.channel,
            Job.state,
            Job.received_at,
            Job.ver,
            Customer.name,
            Customer.note,
            Site.name,
            Site.address,
            Site.lat,
            Site.lon,
            Contact.name,
            Contact.title,
            Contact.phone,
            Visit.id,
            Visit.planned_start,
            Visit.planned_minutes,
            Visit.state,
            Visit.result,
            Visit.ver,
            Visit.technician_id,
            VisitMember.user_id,
            VisitMember.removed_at,
            name_by(VisitMember.user_id),
        )
        .join(Customer, Customer.id == Job.customer_id)
        .join(Site, Site.id == Job.site_id)
        .outerjoin(Contact, Contact.id == Job.contact_id)
        .outerjoin(Visit, Visit.job_id == Job.id)
        .outerjoin(VisitMember, VisitMember.visit_id == Visit.id)
        .where(Job.id == job_id)
        .order_by(Visit.planned_start, Visit.id, VisitMember.in_charge.desc(), VisitMember.user_id)
    )
    rows = db.session.execute(query).all()
    if not rows:
        return None
    sheet = JobSheet(*rows[0][:JOB_COLUMNS])
    _add_visits(sheet, [row[JOB_COLUMNS:] for row in rows])
    if not may_see_job(actor, sheet.facts):
        return None
    sheet.visit = _visit_to_show(sheet.visits, actor)
    return sheet


def _add_visits(sheet: JobSheet, rows: Sequence[Any]) -> None:
    lines: dict[str, VisitLine] = {}
    for *columns, user, removed, name in rows:
        if columns[0] is None:
            continue
        line = lines.setdefault(columns[0], VisitLine(*columns))
        if user is not None:
            (line.members if removed is None else line.former).append(user)
            sheet.names[user] = name
    sheet.visits = list(lines.values())


def _visit_to_show(visits: Sequence[VisitLine], actor: Actor) -> VisitLine | None:
    """Return the actor's own open visit, else the job's open visit, else the last active one.

    Of several open visits the one under way comes first: its report is due next.
    """
    own = [visit for visit in visits if actor.id in visit.members]
    former = [visit for visit in visits if actor.id in visit.former]
    for lines in (own, visits):
        open_lines = [visit for visit in lines if visit.state in OPEN_VISIT]
        if open_lines:
            return min(open_lines, key=lambda visit: not 2 <= PROGRESS_ORDER[visit.state] <= 4)
    active = [visit for visit in visits if visit.state not in INACTIVE_VISIT]
    for lines in (own, former, active, visits):
        if lines:
            return lines[-1]
    return None
