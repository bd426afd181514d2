"""Load a job's timeline, and its assets with their cover and earlier visits."""

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

#: Most earlier visits shown for each asset.
EARLIER_VISITS = 3


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
        """Return whether the event was received more than five minutes after it happened."""
        return (self.received_at - self.happened_at).total_seconds() > 300


@dataclass(frozen=True)
class EarlierVisit:
    """An earlier visit at the same asset; `url` is empty if the actor may not open it."""

    at: datetime
    title: str
    result: str | None
    who: str
    url: str


@dataclass(frozen=True)
class AssetLine:
    """An asset with its running contract and its earlier visits."""

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
    past: list[EarlierVisit]

    @property
    def cover(self) -> str:
        """Return `contract`, `warranty` or `none`, as of today."""
        if self.contract:
            return "contract"
        return "warranty" if self.warranty_until and self.warranty_until >= clock.today() else "none"


def details(sheet: JobSheet, actor: Actor) -> tuple[list[Event], list[AssetLine]]:
    """Return the events of all visits, oldest first, and the assets. Three queries, whatever the number of rows."""
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
    """Return the time of each step of a visit by kind of event. One query."""
    return _times((row.kind, row.happened_at) for row in _event_rows([visit_id]))


def times_of(events: Iterable[Event], visit_id: str) -> dict[str, datetime]:
    """Return what `times_of_visit` does, from events that were read already."""
    return _times((event.kind, event.happened_at) for event in events if event.visit_id == visit_id)


def _times(taps: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """Keep the first time of each kind; of reports and acceptances the last, since they can be repeated."""
    times: dict[str, datetime] = {}
    for kind, at in taps:
        if kind not in times or kind in {"report", "approved"}:
            times[kind] = at
    return times


def asset_of_job(job_id: str, asset_id: str) -> Asset | None:
    """Return the asset if the job is about it, else None."""
    query = select(Asset).join(JobAsset, JobAsset.asset_id == Asset.id)
    return db.session.scalar(query.where(JobAsset.job_id == job_id, Asset.id == asset_id))


def _asset_rows(job_id: str) -> list[Any]:
    today = clock.today()
    is_current = and_(Contract.id == ContractAsset.contract_id, Contract.starts_on <= today, Contract.ends_on >= today)
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
        .outerjoin(Contract, is_current)
        .where(JobAsset.job_id == job_id)
        .order_by(JobAsset.position, Asset.id, Contract.number)
    )
    rows: dict[str, Any] = {}
    for row in db.session.execute(query):
        # An asset under two contracts comes twice; one running contract is enough.
        if row.id not in rows or rows[row.id].contract is None:
            rows[row.id] = row
    return list(rows.values())


def _past_rows(job_id: str, assets: list[str]) -> list[Any]:
    """Return the last visits of other jobs at the same assets, newest first."""
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
        .limit(20 * EARLIER_VISITS)
    )
    return list(db.session.execute(query))


def _history(rows: list[Any], actor: Actor) -> dict[str, list[EarlierVisit]]:
    by_asset: dict[str, list[EarlierVisit]] = {}
    for row in rows:
        lines = by_asset.setdefault(row.asset_id, [])
        if len(lines) < EARLIER_VISITS:
            may_open = row.technician_id == actor.id or row.group_id in actor.leads or actor.sees_all_groups
            url = f"/jobs/{row.job}" if may_open else ""
            lines.append(EarlierVisit(row.planned_start, row.title, row.result, row.name, url))
    return by_asset
