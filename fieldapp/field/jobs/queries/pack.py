"""Choose the jobs whose pages a phone keeps for work without signal."""

from __future__ import annotations

from datetime import timedelta

from flask import g
from sqlalchemy import and_, case, func, or_, select

from fieldapp.field.customers import Asset
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitMember
from fieldapp.field.jobs.policy import OPEN_JOB, OPEN_VISIT
from fieldapp.field.jobs.queries.board import still_mine, within
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db

#: Most assets of one job whose forms are kept: each form is a page, and a fleet has hundreds of assets.
ASSETS = 20

#: Most jobs whose planning forms a leader's phone keeps: each has up to five pages.
LED = 15

#: Days after today whose jobs are kept.
DAYS = 3


def pack_jobs(actor: Actor) -> list[tuple[str, str]]:
    """Return `(job id, version)` of the person's jobs of today and the next `DAYS` days, and unfinished earlier ones.

    The version changes with the job, its visits, and every new notice of the person. Several features ask for this
    in one request; it is read once.
    """
    packed: dict[int, list[tuple[str, str]]] = g.setdefault("packed_jobs", {})
    if actor.id not in packed:
        packed[actor.id] = _read(actor)
    return packed[actor.id]


def _read(actor: Actor) -> list[tuple[str, str]]:
    _, end = clock.day_bounds(clock.today() + timedelta(days=DAYS))
    last_notice = select(func.coalesce(func.max(Notice.id), 0)).where(Notice.user_id == actor.id).scalar_subquery()
    query = (
        select(Job.id, Job.ver, func.count(Visit.id), func.sum(Visit.ver), func.min(Visit.planned_start), last_notice)
        .join(Visit, Visit.job_id == Job.id)
        .join(VisitMember, VisitMember.visit_id == Visit.id)
        .where(VisitMember.user_id == actor.id, VisitMember.removed_at.is_(None), Visit.planned_start < end)
        .where(still_mine())
        .group_by(Job.id, Job.ver)
        .order_by(func.min(Visit.planned_start), Job.id)
    )
    return [(job, f"{ver}.{count}.{vers}.{notice}") for job, ver, count, vers, _, notice in db.session.execute(query)]


def pack_led(actor: Actor) -> list[tuple[str, str, bool, list[tuple[str, str]]]]:
    """Return `(job id, version, has several versions, visits)` of the jobs a leader plans next. Two queries.

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
        select(Job.id, Job.ver, Visit.id, Visit.state, Visit.ver)
        .outerjoin(Visit, Visit.job_id == Job.id)
        .where(Job.id.in_(ids))
        .order_by(Visit.planned_start, Visit.id)
    )
    by_job: dict[str, tuple[list[str], list[tuple[str, str]]]] = {}
    for job, ver, visit, state, visit_ver in rows:
        versions, visits = by_job.setdefault(job, ([str(ver)], []))
        versions.append(str(visit_ver))
        if state in OPEN_VISIT:
            visits.append((visit, state))
    led = ((job, *by_job[job]) for job in ids if job in by_job)
    return [(job, ".".join(versions), len(versions) > 2, visits) for job, versions, visits in led]


def pack_assets(actor: Actor) -> list[tuple[str, str, int]]:
    """Return `(job id, asset id, version)` of the assets of the kept jobs: their forms are needed without signal."""
    jobs = [job for job, _ in pack_jobs(actor)]
    if not jobs:
        return []
    query = select(JobAsset.job_id, Asset.id, Asset.ver).join(Asset, Asset.id == JobAsset.asset_id)
    query = query.where(JobAsset.job_id.in_(jobs), JobAsset.position < ASSETS)
    rows = db.session.execute(query.order_by(JobAsset.job_id, JobAsset.position))
    return [(job, asset, ver) for job, asset, ver in rows]


def board_version(actor: Actor) -> str:
    """Return a version of the person's job list that changes whenever the list would."""
    mine = ",".join(f"{job}={version}" for job, version in pack_jobs(actor))
    if not actor.leads and not actor.sees_all_groups:
        return mine
    query = select(func.count(), func.sum(Job.ver), func.max(Job.received_at))
    count, vers, last = db.session.execute(query.where(within(actor), Job.state.in_(OPEN_JOB))).one()
    return f"{mine}|{count}.{vers}.{last}"
