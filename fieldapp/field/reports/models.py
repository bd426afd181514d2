"""Service reports with their rows, versions and next-visit plans (D-JOB-6, D-JOB-7, D-JOB-12)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, Text, event
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment, Money
from fieldapp.platform.extensions import Model


class ServiceReport(Model):
    """The present version of one author's report on a visit. `state`: submitted, returned, accepted (D-JOB-9).

    `late_why`: why it is late work (`cancelled`, `reassigned`, D-JOB-10). `is_further`: the visit had a report
    already. Earlier versions are in ReportVersion.
    """

    __tablename__ = "service_report"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    visit_id: Mapped[str] = mapped_column(ForeignKey("visit.id"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id"), index=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("group.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    ref: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(Integer, default=1)
    state: Mapped[str] = mapped_column(String(12), default="submitted")
    result: Mapped[str] = mapped_column(String(16))
    fault: Mapped[str] = mapped_column(Text)
    cause: Mapped[str | None] = mapped_column(Text)
    work: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    labour_minutes: Mapped[int | None] = mapped_column(Integer)
    fee_amount: Mapped[Decimal | None] = mapped_column(Money)
    fee_method: Mapped[str | None] = mapped_column(String(12))
    explained: Mapped[str | None] = mapped_column(Text)
    customer_name: Mapped[str | None] = mapped_column(String(60))
    signature: Mapped[list[list[int]] | None] = mapped_column(JSON(none_as_null=True))
    signed_hash: Mapped[str | None] = mapped_column(String(64))
    no_signature_reason: Mapped[str | None] = mapped_column(String(200))
    satisfaction: Mapped[int | None] = mapped_column(Integer)
    late: Mapped[bool] = mapped_column(Boolean, default=False)
    late_why: Mapped[str | None] = mapped_column(String(12))
    is_further: Mapped[bool] = mapped_column(Boolean, default=False)
    submitted_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_service_report_recent", "submitted_at", "id"),
        Index("ix_service_report_author", "author_id", "submitted_at", "id"),
        Index("ix_service_report_group", "group_id", "submitted_at", "id"),
    )


class ReportPart(Model):
    """A part used. With both serial numbers it is a replacement: old and new device, linked (D-PART-6)."""

    __tablename__ = "report_part"

    report_id: Mapped[str] = mapped_column(ForeignKey("service_report.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    part_id: Mapped[str | None] = mapped_column(String(36), index=True)
    name: Mapped[str] = mapped_column(String(100))
    qty: Mapped[int] = mapped_column(Integer)
    old_serial: Mapped[str | None] = mapped_column(String(60))
    new_serial: Mapped[str | None] = mapped_column(String(60))


class ReportDevice(Model):
    """One row of an installation list or a terminal repair: vehicle, terminals, SIM cards, test (D-JOB-6)."""

    __tablename__ = "report_device"

    report_id: Mapped[str] = mapped_column(ForeignKey("service_report.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    plate: Mapped[str | None] = mapped_column(String(20), index=True)
    driver: Mapped[str | None] = mapped_column(String(60))
    old_terminal: Mapped[str | None] = mapped_column(String(60))
    new_terminal: Mapped[str | None] = mapped_column(String(60))
    old_sim: Mapped[str | None] = mapped_column(String(30))
    new_sim: Mapped[str | None] = mapped_column(String(30))
    mounted_at: Mapped[str | None] = mapped_column(String(100))
    test_result: Mapped[str | None] = mapped_column(String(200))


class NextVisitPlan(Model):
    """The plan for the next visit (D-JOB-7). `visit_id` is the visit made of it on acceptance."""

    __tablename__ = "next_visit_plan"

    report_id: Mapped[str] = mapped_column(ForeignKey("service_report.id"), primary_key=True)
    planned_at: Mapped[datetime] = mapped_column(Moment)
    people: Mapped[str] = mapped_column(String(200))
    tools: Mapped[str] = mapped_column(Text)
    visit_id: Mapped[str | None] = mapped_column(ForeignKey("visit.id"), index=True)


class PlanLine(Model):
    """A part that the next visit needs; on acceptance the lines become a parts request."""

    __tablename__ = "next_visit_plan_line"

    report_id: Mapped[str] = mapped_column(ForeignKey("next_visit_plan.report_id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    part_id: Mapped[str | None] = mapped_column(String(36))
    name: Mapped[str] = mapped_column(String(100))
    qty: Mapped[int] = mapped_column(Integer)
    unit_price: Mapped[Decimal | None] = mapped_column(Money)


class ReportVersion(Model):
    """A version as it was sent, with its signature and the hash of what was signed. Never changed (D-JOB-12)."""

    __tablename__ = "report_version"

    report_id: Mapped[str] = mapped_column(ForeignKey("service_report.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    op: Mapped[str | None] = mapped_column(String(36))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    content_hash: Mapped[str] = mapped_column(String(64))
    signature: Mapped[list[list[int]] | None] = mapped_column(JSON(none_as_null=True))
    submitted_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)


@event.listens_for(ReportVersion, "before_update")
@event.listens_for(ReportVersion, "before_delete")
def _never(mapper: Any, connection: Any, version: ReportVersion) -> None:
    raise RuntimeError(f"version {version.version} of report {version.report_id} is kept as it was signed")
