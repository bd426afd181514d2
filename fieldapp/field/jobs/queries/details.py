"""What a job's page tells of its visits and assets: the timeline, what covers an asset, what was done before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, select

from fieldapp.field.customers import Asset, Contract, ContractAsset
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitEvent
from fieldapp.field.jobs.queries.sheet import JobSheet
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import name_by

#: Earlier visits shown for each asset.
HISTORY = 3


@dataclass(frozen=True)
class Event:
    """A line of the timeline."""

    kind: str
    visit_id: str
    who: str
    happened_at: datetime
    received_at: datetime
    arrival_check: str | None
    reason: str | None
    late: bool
    doubted: bool

    @property
    def delayed(self) -> bool:
        """Whether it came in noticeably later than it happened: there was no signal."""
        return (self.received_at - self.happened_at).total_seconds() > 300


@dataclass(frozen=True)
class Past:
    """An earlier visit on the same asset; `url` where the person may open it."""

    at: datetime
    title: str
    result: str | None
    who: str
    url: str


@dataclass(frozen=True)
class AssetLine:
    """An asset with what covers it and what was done on it before."""

    id: str
    category: str
    model: str
    serial_no: str
    plate: str | None
    sim_no: str | None
    mounted_at: str | None
    purchased_on: date | None
    warranty_until: date | None
    note: str
    contract: str | None
    past: list[Past]

    @property
    def cover(self) -> str:
        """`contract`, `warranty` or `none`, as of today."""
        if self.contract:
            return "contract"
        return "warranty" if self.warranty_until and self.warranty_until >= clock.today() else "none"


def details(sheet: JobSheet, actor: Actor) -> tuple[list[Event], list[AssetLine]]:
    """The timeline of all visits, oldest first, and the assets with their history.

    Three queries, whatever the number of visits, events and assets.
    """
    events = _event_rows([visit.id for visit in sheet.visits])
    assets = _asset_rows(sheet.id)
    past = _past_rows(sheet.id, [row.id for row in assets])
    lines = [Event(*row) for row in events]
    history = _history(past, actor)
    return lines, [AssetLine(*[*row, history.get(row.id, [])]) for row in assets]


def _event_rows(visit_ids: list[str]) -> list[Any]:
    if not visit_ids:
        return []
    query: Any = (
        select(
            VisitEvent.kind,
            VisitEvent.visit_id,
            name_by(VisitEvent.user_id),
            VisitEvent.happened_at,
            VisitEvent.received_at,
            VisitEvent.arrival_check,
            VisitEvent.reason,
            VisitEvent.late,
            VisitEvent.clock_doubted,
        )
        .where(VisitEvent.visit_id.in_(visit_ids))
        .order_by(VisitEvent.happened_at, VisitEvent.received_at, VisitEvent.id)
    )
    return list(db.session.execute(query))


def times_of_visit(visit_id: str) -> dict[str, datetime]:
    """When each step of a visit was taken, by kind of event; one query."""
    return _times((row.kind, row.happened_at) for row in _event_rows([visit_id]))


def times_of(events: Iterable[Event], visit_id: str) -> dict[str, datetime]:
    """The same from a timeline that was read already."""
    return _times((event.kind, event.happened_at) for event in events if event.visit_id == visit_id)


def _times(taps: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """The first of each kind; of reports and decisions the last, since they may be repeated."""
    times: dict[str, datetime] = {}
    for kind, at in taps:
        if kind not in times or kind in {"report", "approved"}:
            times[kind] = at
    return times


def asset_of_job(job_id: str, asset_id: str) -> Asset | None:
    """One of the assets a job is about, or None."""
    query = select(Asset).join(JobAsset, JobAsset.asset_id == Asset.id)
    return db.session.scalar(query.where(JobAsset.job_id == job_id, Asset.id == asset_id))


def _asset_rows(job_id: str) -> list[Any]:
    today = clock.today()
    runs = and_(Contract.id == ContractAsset.contract_id, Contract.starts_on <= today, Contract.ends_on >= today)
    query: Any = (
        select(
            Asset.id,
            Asset.category,
            Asset.model,
            Asset.serial_no,
            Asset.plate,
            Asset.sim_no,
            Asset.mounted_at,
            Asset.purchased_on,
            Asset.warranty_until,
            Asset.note,
            Contract.number.label("contract"),
        )
        .join(JobAsset, JobAsset.asset_id == Asset.id)
        .outerjoin(ContractAsset, ContractAsset.asset_id == Asset.id)
        .outerjoin(Contract, runs)
        .where(JobAsset.job_id == job_id)
        .order_by(JobAsset.position, Asset.id, Contract.number)
    )
    rows: dict[str, Any] = {}
    for row in db.session.execute(query):
        # An asset under two contracts comes twice; one that runs is enough to know.
        if row.id not in rows or rows[row.id].contract is None:
            rows[row.id] = row
    return list(rows.values())


def _past_rows(job_id: str, assets: list[str]) -> list[Any]:
    """The last visits on the same assets by other jobs, newest first."""
    if not assets:
        return []
    columns = (JobAsset.asset_id, Visit.planned_start, Job.title, Visit.result, Visit.technician_id)
    query: Any = (
        select(*columns, Job.id.label("job"), Job.group_id, name_by(Visit.technician_id).label("name"))
        .join(Job, Job.id == JobAsset.job_id)
        .join(Visit, Visit.job_id == Job.id)
        .where(JobAsset.asset_id.in_(assets), Job.id != job_id)
        .where(Visit.state.in_(["reported", "accepted_by_leader"]))
        .order_by(Visit.planned_start.desc(), Visit.id)
        .limit(20 * HISTORY)
    )
    return list(db.session.execute(query))


def _history(rows: list[Any], actor: Actor) -> dict[str, list[Past]]:
    found: dict[str, list[Past]] = {}
    for row in rows:
        lines = found.setdefault(row.asset_id, [])
        if len(lines) < HISTORY:
            open_to = row.technician_id == actor.id or row.group_id in actor.leads or actor.sees_all_groups
            lines.append(
                Past(row.planned_start, row.title, row.result, row.name, f"/jobs/{row.job}" if open_to else "")
            )
    return found
