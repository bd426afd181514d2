"""One job with everything its page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from fieldapp.field.customers import Contact, Customer, Site
from fieldapp.field.jobs.models import Job, Visit, VisitMember
from fieldapp.field.jobs.policy import OPEN_VISIT, RANK, VOID, JobFacts, may_see_job
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import name_by

#: Columns of job_sheet()'s query that belong to the job; those of a visit and its member follow.
OF_THE_JOB = 24


@dataclass
class VisitLine:
    """A visit with its people; `former` are those it was taken from."""

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
    """A job as its page and the panels of other features see it; `visit` is the one the page is about."""

    id: str
    number: str
    customer_id: str
    site_id: str
    group_id: int
    title: str
    said: str
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
        """Group and people."""
        members = frozenset(user for visit in self.visits for user in visit.members)
        former = frozenset(user for visit in self.visits for user in visit.former)
        return JobFacts(self.id, self.group_id, members, former - members)

    def who(self, visit: VisitLine) -> str:
        """Names of the people of a visit, the one in charge first."""
        return ", ".join(self.names.get(user, "") for user in visit.members)


def job_sheet(actor: Actor, job_id: str) -> JobSheet | None:
    """The job with its visits and people, or None where there is none or the person may not see it. One query."""
    query: Any = (
        select(
            Job.id,
            Job.number,
            Job.customer_id,
            Job.site_id,
            Job.group_id,
            Job.title,
            Job.said,
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
    sheet = JobSheet(*rows[0][:OF_THE_JOB])
    _add_visits(sheet, [row[OF_THE_JOB:] for row in rows])
    if not may_see_job(actor, sheet.facts):
        return None
    sheet.visit = _chosen(sheet.visits, actor)
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


def _chosen(visits: Sequence[VisitLine], actor: Actor) -> VisitLine | None:
    """The visit the page is about: one's own open one, else the job's open one, else the last that counts.

    Of several open ones the one that is under way comes first: its report is the next to be written.
    """
    mine = [visit for visit in visits if actor.id in visit.members]
    former = [visit for visit in visits if actor.id in visit.former]
    for lines in (mine, visits):
        open_lines = [visit for visit in lines if visit.state in OPEN_VISIT]
        if open_lines:
            return min(open_lines, key=lambda visit: not 2 <= RANK[visit.state] <= 4)
    counting = [visit for visit in visits if visit.state not in VOID]
    for lines in (mine, former, counting, visits):
        if lines:
            return lines[-1]
    return None
