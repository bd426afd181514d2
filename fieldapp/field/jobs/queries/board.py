"""The two lists of jobs: a technician's own visits, and a group's jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, and_, bindparam, case, false, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from fieldapp.field.customers import Asset, Contact, Customer, Site
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitMember
from fieldapp.field.jobs.policy import INACTIVE_VISIT, OPEN_JOB, OPEN_VISIT
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.database import Moment, among
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import group_name_by, name_by

#: How many jobs without a technician stand above a list; the filter shows the others.
UNASSIGNED = 30


class Way(NamedTuple):
    """The way to a job: where its site is, and whom to call."""

    address: str
    lat: float | None
    lon: float | None
    phone: str | None


class StandingVisit(NamedTuple):
    """The visit that stands for a job in a list: the next open one, else the last."""

    planned_start: datetime | None = None
    state: str = ""
    names: str = ""


_start = bindparam("day_start", type_=Moment, callable_=lambda: clock.day_bounds(clock.today())[0])
_end = bindparam("day_end", type_=Moment, callable_=lambda: clock.day_bounds(clock.today())[1])
_bucket: ColumnElement[int] = case((Visit.planned_start >= _start, 0), else_=1)
_today = and_(Visit.planned_start >= _start, Visit.planned_start < _end, Visit.state.not_in(INACTIVE_VISIT))
_still_mine: ColumnElement[bool] = or_(Visit.state.in_(OPEN_VISIT), _today)
_my_visits: Any = (
    select(
        _bucket.label("bucket"),
        Visit.planned_start,
        Visit.id.label("visit"),
        Visit.state,
        Job.id.label("job"),
        Customer.name.label("customer"),
        Site.name.label("site"),
        Job.title,
        Job.urgency,
        Job.service_class,
    )
    .join(VisitMember, VisitMember.visit_id == Visit.id)
    .join(Job, Job.id == Visit.job_id)
    .join(Customer, Customer.id == Job.customer_id)
    .join(Site, Site.id == Job.site_id)
    .where(VisitMember.removed_at.is_(None))
)
_group_jobs: Any = (
    select(
        Job.received_at,
        Job.id,
        Job.number,
        Customer.name.label("customer"),
        Site.name.label("site"),
        Job.title,
        Job.urgency,
        Job.service_class,
        Job.state,
        Job.group_id,
        group_name_by(Job.group_id).label("group_name"),
    )
    .join(Customer, Customer.id == Job.customer_id)
    .join(Site, Site.id == Job.site_id)
)
_unassigned: Any = (
    _group_jobs.where(Job.state == "new")
    .order_by(case((Job.urgency == "emergency", 0), else_=1), Job.received_at, Job.id)
    .limit(UNASSIGNED)
)
_ways: Any = (
    select(Job.id, Site.address, Site.lat, Site.lon, Contact.phone)
    .join(Site, Site.id == Job.site_id)
    .outerjoin(Contact, Contact.id == Job.contact_id)
    .where(among(Job.id, "jobs"))
)
_assets: Any = (
    select(JobAsset.job_id, Asset.plate, Asset.model)
    .join(Asset, Asset.id == JobAsset.asset_id)
    .where(among(JobAsset.job_id, "jobs"))
    .order_by(JobAsset.job_id, JobAsset.position, Asset.id)
)
_partners: Any = (
    select(VisitMember.visit_id, name_by(VisitMember.user_id))
    .where(among(VisitMember.visit_id, "visits"))
    .where(VisitMember.removed_at.is_(None), VisitMember.user_id != bindparam("me"))
    .order_by(VisitMember.in_charge.desc(), VisitMember.user_id)
)
_visits: Any = (
    select(Visit.job_id, Visit.id, Visit.planned_start, Visit.state, name_by(VisitMember.user_id))
    .join(VisitMember, and_(VisitMember.visit_id == Visit.id, VisitMember.removed_at.is_(None)))
    .where(among(Visit.job_id, "jobs"), Visit.state.not_in(INACTIVE_VISIT))
    .order_by(Visit.planned_start, Visit.id, VisitMember.in_charge.desc(), VisitMember.user_id)
)


def bucket() -> ColumnElement[int]:
    """0 for visits of today and later, 1 for earlier ones: what is left over comes last."""
    return _bucket


def my_visits(actor: Actor) -> Select[Any]:
    """Return the visits of a person with what the cards of their list show."""
    query: Select[Any] = _my_visits.where(VisitMember.user_id == actor.id)
    return query


def still_mine() -> ColumnElement[bool]:
    """Visits that are open, and those of today whatever became of them."""
    return _still_mine


def group_jobs(actor: Actor) -> Select[Any]:
    """Jobs of the groups the person answers for, the newest first; received and job id come first."""
    query: Select[Any] = _group_jobs.where(within(actor))
    return query


def within(actor: Actor) -> ColumnElement[bool]:
    """Jobs of the groups whose jobs this person may all see."""
    if actor.sees_all_groups:
        return true()
    return Job.group_id.in_(sorted(actor.leads)) if actor.leads else false()


def unassigned(actor: Actor) -> Sequence[Row[Any]]:
    """Return jobs without a technician, as `group_jobs` names them: urgent ones first, then those waiting longest."""
    return db.session.execute(_unassigned.where(within(actor))).all()


def assets_in_short(job_ids: Iterable[str]) -> dict[str, tuple[str, int]]:
    """`(first asset's plate or model, how many)` by job id."""
    wanted = list(dict.fromkeys(job_ids))
    if not wanted:
        return {}
    short: dict[str, tuple[str, int]] = {}
    for job, plate, model in db.session.execute(_assets, {"jobs": wanted}):
        first, count = short.get(job, (plate or model, 0))
        short[job] = (first, count + 1)
    return short


def ways_to(job_ids: Iterable[str]) -> dict[str, Way]:
    """Return address, latitude, longitude and telephone by job id; one query."""
    wanted = list(dict.fromkeys(job_ids))
    if not wanted:
        return {}
    rows = db.session.execute(_ways, {"jobs": wanted})
    return {job: Way(*way) for job, *way in rows}


def partners(visit_ids: Sequence[str], actor: Actor) -> dict[str, str]:
    """Names of the others on each visit."""
    if not visit_ids:
        return {}
    people: dict[str, list[str]] = {}
    for visit, name in db.session.execute(_partners, {"visits": visit_ids, "me": actor.id}):
        people.setdefault(visit, []).append(name)
    return {visit: listed(names) for visit, names in people.items()}


def visits_of_jobs(job_ids: Sequence[str]) -> dict[str, StandingVisit]:
    """Return the visit that stands for each job, by job id; one query."""
    if not job_ids:
        return {}
    chosen: dict[str, tuple[str, datetime, str, list[str]]] = {}
    for job, visit, planned, state, name in db.session.execute(_visits, {"jobs": job_ids}):
        current = chosen.get(job)
        if current and current[0] == visit:
            current[3].append(name)
        elif current is None or current[2] not in OPEN_VISIT:
            chosen[job] = (visit, planned, state, [name])
    return {job: StandingVisit(planned, state, listed(names)) for job, (_, planned, state, names) in chosen.items()}


def listed(names: Iterable[str]) -> str:
    """Names in one line."""
    return ", ".join(names)


def section_of(planned: datetime, now: datetime) -> str:
    """Under which heading of the list a visit stands."""
    day, today = clock.local(planned).date(), clock.local(now).date()
    if day < today:
        return "earlier"
    if day == today:
        return "today"
    if day == today + timedelta(days=1):
        return "tomorrow"
    return "week" if day.isocalendar()[:2] == today.isocalendar()[:2] else "later"


JOB_STATE_FILTERS: dict[str, ColumnElement[bool]] = {
    "open": Job.state.in_([state for state in OPEN_JOB if state != "new"]),
    **{
        state: Job.state == state
        for state in ("new", "planned", "in_progress", "waiting", "reopened", "solved", "closed", "cancelled")
    },
}
