"""Which jobs a phone keeps for a day without signal."""

from __future__ import annotations

from datetime import timedelta

from flask import g
from sqlalchemy import func, select

from fieldapp.commandbus.models import Notice
from fieldapp.customers import Asset
from fieldapp.extensions import db
from fieldapp.jobs.models import Job, JobAsset, Visit, VisitMember
from fieldapp.jobs.policy import OPEN_JOB
from fieldapp.jobs.queries.board import still_mine, within
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor

#: Assets of one job whose forms are kept; a fleet has hundreds, and each is a page.
ASSETS = 20

#: Days after today whose jobs are kept.
DAYS = 3


def pack_jobs(actor: Actor) -> list[tuple[str, str]]:
    """`(job id, version)` of the person's jobs of today and the next days, and of unfinished earlier ones.

    The version changes with the job, its visits, and whatever the person was told since. Asked by several
    features for their own pages of these jobs; read once a request.
    """
    known: dict[int, list[tuple[str, str]]] = g.setdefault("packed_jobs", {})
    if actor.id not in known:
        known[actor.id] = _read(actor)
    return known[actor.id]


def _read(actor: Actor) -> list[tuple[str, str]]:
    _, end = clock.day_bounds(clock.today() + timedelta(days=DAYS))
    told = select(func.coalesce(func.max(Notice.id), 0)).where(Notice.user_id == actor.id).scalar_subquery()
    query = (
        select(Job.id, Job.ver, func.count(Visit.id), func.sum(Visit.ver), func.min(Visit.planned_start), told)
        .join(Visit, Visit.job_id == Job.id)
        .join(VisitMember, VisitMember.visit_id == Visit.id)
        .where(VisitMember.user_id == actor.id, VisitMember.removed_at.is_(None), Visit.planned_start < end)
        .where(still_mine())
        .group_by(Job.id, Job.ver)
        .order_by(func.min(Visit.planned_start), Job.id)
    )
    return [(job, f"{ver}.{count}.{vers}.{notice}") for job, ver, count, vers, _, notice in db.session.execute(query)]


def pack_assets(actor: Actor) -> list[tuple[str, str, int]]:
    """`(job id, asset id, version)` of the equipment of these jobs: its forms are needed without signal, too."""
    jobs = [job for job, _ in pack_jobs(actor)]
    if not jobs:
        return []
    query = select(JobAsset.job_id, Asset.id, Asset.ver).join(Asset, Asset.id == JobAsset.asset_id)
    query = query.where(JobAsset.job_id.in_(jobs), JobAsset.position < ASSETS)
    rows = db.session.execute(query.order_by(JobAsset.job_id, JobAsset.position))
    return [(job, asset, ver) for job, asset, ver in rows]


def board_version(actor: Actor) -> str:
    """Changes whenever the person's list would look different."""
    mine = ",".join(f"{job}={version}" for job, version in pack_jobs(actor))
    if not actor.leads and not actor.sees_all_groups:
        return mine
    query = select(func.count(), func.sum(Job.ver), func.max(Job.received_at))
    count, vers, last = db.session.execute(query.where(within(actor), Job.state.in_(OPEN_JOB))).one()
    return f"{mine}|{count}.{vers}.{last}"
