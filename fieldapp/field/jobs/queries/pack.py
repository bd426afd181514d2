"""Choose the jobs whose pages a phone keeps for work without signal."""

from __future__ import annotations

from datetime import timedelta

from flask import g
from sqlalchemy import and_, case, func, or_, select

from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitMember
from fieldapp.field.jobs.policy import OPEN_JOB, OPEN_VISIT
from fieldapp.field.jobs.queries.board import still_mine
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db

#: Most assets of one job whose forms are kept: each form is a page, and a fleet has hundreds of assets.
ASSETS = 20

#: Most jobs whose planning forms a leader's phone keeps: each has up to five pages.
LED = 15

#: Days after today whose jobs are kept.
DAYS = 3


def pack_jobs(actor: Actor) -> list[str]:
    """Return the ids of the person's jobs of today and the next days, and of unfinished earlier ones.

    Asked by several features for their own pages of these jobs; read once a request.
    """
    cached: dict[int, list[str]] = g.setdefault("packed_jobs", {})
    if actor.id not in cached:
        cached[actor.id] = _read(actor)
    return cached[actor.id]


def _read(actor: Actor) -> list[str]:
    _, end = clock.day_bounds(clock.today() + timedelta(days=DAYS))
    query = (
        select(Job.id)
        .join(Visit, Visit.job_id == Job.id)
        .join(VisitMember, VisitMember.visit_id == Visit.id)
        .where(VisitMember.user_id == actor.id, VisitMember.removed_at.is_(None), Visit.planned_start < end)
        .where(still_mine())
        .group_by(Job.id)
        .order_by(func.min(Visit.planned_start), Job.id)
    )
    return list(db.session.scalars(query))


def pack_led(actor: Actor) -> list[tuple[str, bool, list[tuple[str, str]]]]:
    """Return `(job id, has several visits, visits)` of the jobs a leader plans next; two queries.

    Jobs without a technician come first, then open visits in planned order. `visits` are `(visit id, state)` of the
    open ones.
    """
    if not (actor.leads and actor.can("job.dispatch")):
        return []
    _, end = clock.day_bounds(clock.today() + timedelta(days=DAYS))
    # None: no open visit, the job waits for a technician.
    first = func.min(Visit.planned_start)
    wanted = (
        select(Job.id)
        .outerjoin(Visit, and_(Visit.job_id == Job.id, Visit.state.in_(OPEN_VISIT)))
        .where(Job.group_id.in_(actor.leads), Job.state.in_(OPEN_JOB))
        .group_by(Job.id, Job.received_at)
        .having(or_(first.is_(None), first < end))
        .order_by(case((first.is_(None), 0), else_=1), first, Job.received_at.desc(), Job.id)
        .limit(LED)
    )
    ids = list(db.session.scalars(wanted))
    rows = db.session.execute(
        select(Visit.job_id, Visit.id, Visit.state).where(Visit.job_id.in_(ids)).order_by(Visit.planned_start, Visit.id)
    )
    visits: dict[str, list[tuple[str, str]]] = {job: [] for job in ids}
    for job, visit, state in rows:
        visits[job].append((visit, state))
    return [(job, len(all_of) > 1, [one for one in all_of if one[1] in OPEN_VISIT]) for job, all_of in visits.items()]


def pack_assets(actor: Actor) -> list[tuple[str, str]]:
    """Return `(job id, asset id)` of the equipment of these jobs: its forms are needed without signal, too."""
    jobs = pack_jobs(actor)
    if not jobs:
        return []
    query = select(JobAsset.job_id, JobAsset.asset_id)
    query = query.where(JobAsset.job_id.in_(jobs), JobAsset.position < ASSETS)
    rows = db.session.execute(query.order_by(JobAsset.job_id, JobAsset.position))
    return [(job, asset) for job, asset in rows]
