"""Load what the policies need to know of a job, visit or asset."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitMember
from fieldapp.field.jobs.policy import AssetFacts, JobFacts, VisitFacts, may_see_job
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db


def facts_of(job_id: str) -> JobFacts | None:
    """Return group and people of a job, or None if the job does not exist. One query."""
    query = (
        select(Job.group_id, VisitMember.user_id, VisitMember.removed_at)
        .outerjoin(Visit, Visit.job_id == Job.id)
        .outerjoin(VisitMember, VisitMember.visit_id == Visit.id)
        .where(Job.id == job_id)
    )
    rows = db.session.execute(query).all()
    if not rows:
        return None
    members = frozenset(user for _, user, removed in rows if user is not None and removed is None)
    former = frozenset(user for _, user, removed in rows if user is not None and removed is not None) - members
    return JobFacts(job_id, rows[0][0], members, former)


def sees_job(actor: Actor, job_id: str) -> bool:
    """Return whether the actor may see the job."""
    facts = facts_of(job_id)
    return facts is not None and may_see_job(actor, facts)


def load_visit(visit_id: str) -> tuple[Visit, JobFacts]:
    """Return a visit and the facts of its job. Raise NotFound."""
    visit = db.session.get(Visit, visit_id)
    facts = facts_of(visit.job_id) if visit else None
    if visit is None or facts is None:
        raise NotFound("visit.not_found")
    return visit, facts


def facts_of_visit(visit: Visit) -> VisitFacts | None:
    """Return the states of a visit and its job, and their people; None if the job does not exist. Two queries."""
    job = facts_of(visit.job_id)
    if job is None:
        return None
    rows = db.session.execute(
        select(Job.state, VisitMember.user_id, VisitMember.removed_at)
        .outerjoin(VisitMember, VisitMember.visit_id == visit.id)
        .where(Job.id == visit.job_id)
    ).all()
    members = frozenset(user for _, user, removed in rows if user is not None and removed is None)
    former = frozenset(user for _, user, removed in rows if user is not None and removed is not None)
    return VisitFacts(visit.id, job, visit.state, rows[0][0], visit.technician_id, members, former)


def facts_of_asset(asset_id: str) -> AssetFacts:
    """Return the groups and people of all jobs of an asset. One query."""
    query = (
        select(Job.group_id, VisitMember.user_id)
        .join(JobAsset, JobAsset.job_id == Job.id)
        .outerjoin(Visit, Visit.job_id == Job.id)
        .outerjoin(VisitMember, VisitMember.visit_id == Visit.id)
        .where(JobAsset.asset_id == asset_id)
        .distinct()
    )
    rows = db.session.execute(query).all()
    return AssetFacts(frozenset(group for group, _ in rows), frozenset(user for _, user in rows if user is not None))


def own_visits(user_id: int, job_ids: Iterable[str]) -> dict[str, list[tuple[Visit, bool]]]:
    """Return `(visit, is still a member)` of a person by job id, in planned order (D-JOB-10)."""
    query = (
        select(Visit, VisitMember.removed_at.is_(None))
        .join(VisitMember, VisitMember.visit_id == Visit.id)
        .where(VisitMember.user_id == user_id, Visit.job_id.in_(set(job_ids)))
        .order_by(Visit.planned_start, Visit.id)
    )
    visits: dict[str, list[tuple[Visit, bool]]] = {}
    for visit, still_on in db.session.execute(query):
        visits.setdefault(visit.job_id, []).append((visit, bool(still_on)))
    return visits


def sees_visit(actor: Actor, visit_id: str) -> bool:
    """Return whether the actor may see the job of a visit."""
    job = db.session.scalar(select(Visit.job_id).where(Visit.id == visit_id))
    return job is not None and sees_job(actor, job)
