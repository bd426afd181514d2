"""Writing a report's content: its own row, its lines, and the version that is kept for ever (D-JOB-12)."""

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


def reference(ctx: Context) -> str:
    """What the phone already showed the customer; a report by a form post gets one from its day and id."""
    envelope = ctx.envelope
    if envelope.dev != ids.SERVER_DEVICE:
        return ids.short_reference(envelope.dev, envelope.seq)
    return f"R{ctx.now:%y%m%d}-{ctx.id[-4:].upper()}"


def seal(report_id: str, version: int, content: dict[str, Any]) -> str:
    """The hash of what was signed: this content, as this version of this report."""
    return fingerprint({"report": report_id, "version": version, **content})


def keep(ctx: Context, report: ServiceReport, data: dict[str, Any], photos: list[str]) -> dict[str, Any]:
    """Writes the content as version `report.version`; earlier versions stay as they are. Returns the content."""
    content = content_of(data, photos)
    for name in _COLUMNS:
        setattr(report, name, data.get(name) if name in content else None)
    report.signature = data.get("signature")
    digest = seal(report.id, report.version, content)
    report.signed_hash = digest if report.signature else None
    report.submitted_at, report.received_at = ctx.at, ctx.now
    ctx.session.add(report)
    ctx.session.flush()
    _lines(ctx, report.id, data if "plan_at" in content else {**data, "plan_at": None})
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


def _lines(ctx: Context, report_id: str, data: dict[str, Any]) -> None:
    """The rows of the present version; those of earlier ones are in their ReportVersion."""
    for model in (ReportPart, ReportDevice, PlanLine, NextVisitPlan):
        ctx.session.execute(delete(model).where(model.report_id == report_id))
    for at, row in enumerate(data.get("parts") or []):
        ctx.session.add(ReportPart(report_id=report_id, position=at, **row))
    for at, row in enumerate(data.get("devices") or []):
        ctx.session.add(ReportDevice(report_id=report_id, position=at, **row))
    if data.get("plan_at"):
        plan = NextVisitPlan(
            report_id=report_id, planned_at=data["plan_at"], people=data["plan_people"], tools=data["plan_tools"]
        )
        ctx.session.add(plan)
        ctx.session.flush()
        for at, row in enumerate(data.get("plan_lines") or []):
            ctx.session.add(PlanLine(report_id=report_id, position=at, **row))
    ctx.session.flush()
