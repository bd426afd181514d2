"""Jobs, their visits, and the events of a visit. The visit has the state; the job's state is derived (D-JOB-11)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.kernel.findable import Findable
from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model
from fieldapp.platform.search import searchable


class Job(Model):
    """Work for a customer. `state` is derived from the visits and stored; `number` is the number people use."""

    __tablename__ = "job"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    site_id: Mapped[str] = mapped_column(ForeignKey("site.id"))
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("contact.id"))
    group_id: Mapped[int] = mapped_column(ForeignKey("group.id"))
    title: Mapped[str] = mapped_column(String(100))
    #: The column keeps its first name, `said`.
    fault_description: Mapped[str] = mapped_column("said", Text, default="")
    category: Mapped[str] = mapped_column(String(30))
    service_class: Mapped[str] = mapped_column(String(12))
    urgency: Mapped[str] = mapped_column(String(12))
    is_complex: Mapped[bool] = mapped_column(Boolean, default=False)
    channel: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12))
    received_at: Mapped[datetime] = mapped_column(Moment)
    ver: Mapped[int] = mapped_column(Integer, default=1)

    __table_args__ = (
        Index("ix_job_group", "group_id", "received_at", "id"),
        Index("ix_job_group_state", "group_id", "state", "received_at", "id"),
        Index("ix_job_state", "state", "received_at", "id"),
        Index("ix_job_received", "received_at", "id"),
    )


class JobAsset(Model):
    """An asset that a job is about; `position` gives the order."""

    __tablename__ = "job_asset"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), primary_key=True)
    asset_id: Mapped[str] = mapped_column(ForeignKey("asset.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (Index("ix_job_asset_asset_id", "asset_id"),)


class Visit(Model):
    """One planned attendance on site. `technician_id` is the person in charge.

    States: assigned → accepted → en_route → on_site → working ↔ paused → reported → accepted_by_leader; also
    `returned` (report sent back), `refused` and `cancelled`.
    """

    __tablename__ = "visit"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), index=True)
    technician_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    planned_start: Mapped[datetime] = mapped_column(Moment)
    planned_minutes: Mapped[int] = mapped_column(Integer, default=60)
    state: Mapped[str] = mapped_column(String(20))
    result: Mapped[str | None] = mapped_column(String(20))
    ver: Mapped[int] = mapped_column(Integer, default=1)

    __table_args__ = (
        Index("ix_visit_technician", "technician_id", "planned_start", "id"),
        Index("ix_visit_state", "state", "planned_start", "id"),
        Index("ix_visit_planned", "planned_start", "id"),
    )


class VisitMember(Model):
    """A present or former member of a visit; `removed_at` is set when the visit is reassigned (D-JOB-10)."""

    __tablename__ = "visit_member"

    visit_id: Mapped[str] = mapped_column(ForeignKey("visit.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    in_charge: Mapped[bool] = mapped_column(Boolean, default=False)
    removed_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ix_visit_member_user", "user_id", "visit_id"),)


class VisitEvent(Model):
    """A technician's tap or a leader's decision on a visit (D-JOB-5). Rows are added, never changed.

    `happened_at` is the phone's corrected clock, `received_at` the server's. `late`: the visit had been cancelled
    or given to somebody else before the event was received (D-JOB-10).
    """

    __tablename__ = "visit_event"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    visit_id: Mapped[str] = mapped_column(ForeignKey("visit.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[str] = mapped_column(String(20))
    happened_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)
    clock_doubted: Mapped[bool] = mapped_column(Boolean, default=False)
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    arrival_check: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(Text)
    late: Mapped[bool] = mapped_column(Boolean, default=False)


# People give a number with or without its letter: W-1024 or 1024.
searchable(Job, ("number",), lambda number: Findable.of(start=[number, number.removeprefix("W-")]))
