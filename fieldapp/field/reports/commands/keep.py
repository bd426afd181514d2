"""Store a report's content: its row, its detail rows, and an unchangeable version (D-JOB-12)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete

from fieldapp.field.reports.models import (
    NextVisitPlan,
    PlanLine,
    ReportDevice,
    ReportPart,
    ReportVersion,
    ServiceReport,
)
from fieldapp.field.reports.policy import content_of, fingerprint
from fieldapp.kernel import ids
from fieldapp.platform.commandbus import Context, Photos

PHOTOS = Photos("photo", _l("Photos"), most=10)

_COLUMNS = (
    "result",
    "fault",
    "cause",
    "work",
    "reason",
    "labour_minutes",
    "fee_amount",
    "fee_method",
    "explained",
    "customer_name",
    "no_signature_reason",
    "satisfaction",
)


def report_reference(ctx: Context) -> str:
    """Return the reference that people use: the phone's own; a report by a form post gets one from its day and id."""
    envelope = ctx.envelope
    if envelope.dev != ids.SERVER_DEVICE:
        return ids.short_reference(envelope.dev, envelope.seq)
    return f"R{ctx.now:%y%m%d}-{ctx.id[-4:].upper()}"


def hash_of_version(report_id: str, version: int, content: dict[str, Any]) -> str:
    """Return the hash of what is signed: the content, with report id and version number."""
    return fingerprint({"report": report_id, "version": version, **content})


def store_version(ctx: Context, report: ServiceReport, data: dict[str, Any], photos: list[str]) -> dict[str, Any]:
    """Store the content as version `report.version` and return it. Earlier versions do not change."""
    content = content_of(data, photos)
    for name in _COLUMNS:
        setattr(report, name, data.get(name) if name in content else None)
    report.signature = data.get("signature")
    digest = hash_of_version(report.id, report.version, content)
    report.signed_hash = digest if report.signature else None
    report.submitted_at, report.received_at = ctx.at, ctx.now
    ctx.session.add(report)
    ctx.session.flush()
    _replace_rows(ctx, report.id, data if "plan_at" in content else {**data, "plan_at": None})
    ctx.session.add(
        ReportVersion(
            report_id=report.id,
            version=report.version,
            op=ctx.envelope.op,
            content=content,
            content_hash=digest,
            signature=report.signature,
            submitted_at=ctx.at,
            received_at=ctx.now,
        )
    )
    ctx.session.flush()
    return content


def _replace_rows(ctx: Context, report_id: str, data: dict[str, Any]) -> None:
    """Replace the detail rows by those of this version; earlier ones are in their ReportVersion."""
    for model in (ReportPart, ReportDevice, PlanLine, NextVisitPlan):
        ctx.session.execute(delete(model).where(model.report_id == report_id))
    for position, row in enumerate(data.get("parts") or []):
        ctx.session.add(ReportPart(report_id=report_id, position=position, **row))
    for position, row in enumerate(data.get("devices") or []):
        ctx.session.add(ReportDevice(report_id=report_id, position=position, **row))
    if data.get("plan_at"):
        plan = NextVisitPlan(
            report_id=report_id, planned_at=data["plan_at"], people=data["plan_people"], tools=data["plan_tools"]
        )
        ctx.session.add(plan)
        ctx.session.flush()
        for position, row in enumerate(data.get("plan_lines") or []):
            ctx.session.add(PlanLine(report_id=report_id, position=position, **row))
    ctx.session.flush()
