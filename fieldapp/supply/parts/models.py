"""The parts catalogue, and requests for parts with their lines (D-PART-1)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import JSON, Boolean, Date, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment, Money
from fieldapp.platform.extensions import Model


class Part(Model):
    """A spare part, consumable or tool. `models` lists the product models it fits."""

    __tablename__ = "part"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    unit: Mapped[str] = mapped_column(String(20))
    price: Mapped[Decimal] = mapped_column(Money)
    category: Mapped[str] = mapped_column(String(30))
    models: Mapped[list[str]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(Boolean, default=True)

    __table_args__ = (Index("ix_part_choice", "active", "category", "number"),)


class PartsRequest(Model):
    """A request for parts. `submitted_at` is the author's time, `received_at` the server's.

    `goes_up`: an item reached the limit when the request was sent, so purchasing and the executive decide too.
    `origin`: `form`, or `next_visit_plan` for the parts of an accepted plan (D-JOB-7).
    """

    __tablename__ = "parts_request"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[str] = mapped_column(String(24), index=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("job.id"))
    group_id: Mapped[int] = mapped_column(ForeignKey("group.id"))
    requester_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    urgency: Mapped[str] = mapped_column(String(12))
    wanted_on: Mapped[date] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(30))
    goes_up: Mapped[bool] = mapped_column(Boolean)
    total: Mapped[Decimal] = mapped_column(Money)
    submitted_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)
    expected_on: Mapped[date | None] = mapped_column(Date)
    origin: Mapped[str] = mapped_column(String(20), default="form")
    ver: Mapped[int] = mapped_column(Integer, default=1)

    __table_args__ = (
        Index("ix_parts_request_list", "submitted_at", "id"),
        Index("ix_parts_request_mine", "requester_id", "submitted_at", "id"),
        Index("ix_parts_request_group", "group_id", "submitted_at", "id"),
        Index("ix_parts_request_high", "goes_up", "submitted_at", "id"),
        Index("ix_parts_request_job", "job_id", "submitted_at"),
    )


class PartsLine(Model):
    """One item of a request: a catalogue part, or another item by name."""

    __tablename__ = "parts_line"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("parts_request.id"))
    position: Mapped[int] = mapped_column(Integer)
    part_id: Mapped[str | None] = mapped_column(ForeignKey("part.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    qty: Mapped[int] = mapped_column(Integer)
    unit: Mapped[str] = mapped_column(String(20), default="")
    unit_price: Mapped[Decimal] = mapped_column(Money)
    note: Mapped[str] = mapped_column(String(200), default="")

    __table_args__ = (Index("ix_parts_line_request", "request_id", "position"),)
