"""Checks of a report's data that need the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import and_, func, select

from fieldapp.errors import Conflict, Invalid
from fieldapp.field.jobs import JobFacts, Visit, VisitEvent, VisitMember
from fieldapp.field.reports.models import ServiceReport
from fieldapp.platform.commandbus import Context, require_new
from fieldapp.supply.parts import Part

KIND = "service_report"

#: Furthest day of a next visit; catches a wrong year.
MAX_PLAN_AHEAD = timedelta(days=366)


@dataclass(frozen=True)
class ReportContext:
    """The visit of a report, and the facts of its job by which permission is judged.

    `named_visit_id` is the visit that the form named, if the report is stored for a later one (ADR 28).
    """

    visit: Visit
    job: JobFacts
    named_visit_id: str = ""


#: Kinds of events that show that a visit is under way.
_STARTING_TAPS = ("set_out", "arrive", "start", "resume")


def visit_under_way(ctx: Context, named: Visit) -> Visit | None:
    """Return a later visit of the same job that the author had started and not reported on before writing this report.

    A form that was kept on a phone may name the visit before (ADR 28).
    """
    own_reports = select(ServiceReport.visit_id).where(
        ServiceReport.job_id == named.job_id, ServiceReport.author_id == ctx.actor.id
    )
    reported = select(func.max(ServiceReport.submitted_at)).where(ServiceReport.visit_id == named.id).scalar_subquery()
    query = (
        select(Visit.id)
        .join(VisitMember, and_(VisitMember.visit_id == Visit.id, VisitMember.user_id == ctx.actor.id))
        .join(VisitEvent, and_(VisitEvent.visit_id == Visit.id, VisitEvent.user_id == ctx.actor.id))
        .where(
            Visit.job_id == named.job_id,
            Visit.id != named.id,
            Visit.id.not_in(own_reports),
            VisitMember.removed_at.is_(None),
            VisitEvent.kind.in_(_STARTING_TAPS),
            VisitEvent.happened_at > reported,
            VisitEvent.happened_at <= ctx.at,
        )
        .order_by(VisitEvent.happened_at.desc(), VisitEvent.id.desc())
        .limit(1)
    )
    visit_id = ctx.session.scalar(query)
    return ctx.load(Visit, visit_id) if visit_id else None


def check_new(ctx: Context, target: ReportContext, data: dict[str, Any]) -> None:
    """Require a new id, and no unfinished report of the author on this visit. Raise Invalid, Conflict."""
    require_new(ctx, data, ServiceReport, _l("This report was already received."), {"report": data["id"]})
    unfinished = ctx.session.scalars(
        select(ServiceReport).where(
            ServiceReport.visit_id == target.visit.id,
            ServiceReport.author_id == ctx.actor.id,
            ServiceReport.state != "accepted",
        )
    ).first()
    if unfinished is not None:
        message = _l("You already sent a report of this visit. Please correct that one.")
        current = {
            "report": unfinished.id,
            "ref": unfinished.ref,
            "state": unfinished.state,
            "version": unfinished.version,
        }
        raise Conflict("service_report.under_way", message, current)


def check_plan(ctx: Context, data: dict[str, Any]) -> None:
    """Require the planned next visit to lie after the time of writing. Raise Invalid.

    The author's clock counts: the record may have waited for signal.
    """
    planned = data.get("plan_at")
    if data["result"] != "another_visit" or planned is None:
        return
    if planned <= ctx.at:
        raise Invalid.field("plan_at", _l("The next visit must lie in the future."))
    if planned > max(ctx.at, ctx.now) + MAX_PLAN_AHEAD:
        raise Invalid.field("plan_at", _l("This day lies too far in the future."))


def complete_part_rows(ctx: Context, data: dict[str, Any]) -> None:
    """Fill in name, quantity and estimated price of part rows from the catalogue. Raise Invalid for an unknown part.

    A part that is no longer active is accepted: it may have been fitted before the phone could know.
    """
    rows = [(name, index, row) for name in ("parts", "plan_lines") for index, row in enumerate(data.get(name) or [])]
    part_ids = {row["part_id"] for _, _, row in rows if row.get("part_id")}
    query = select(Part.id, Part.name, Part.price).where(Part.id.in_(part_ids))
    catalogue = {part: (name, price) for part, name, price in ctx.session.execute(query)} if part_ids else {}
    unknown = {
        f"{name}.{index}.part_id": [_l("This part is not known.")]
        for name, index, row in rows
        if _is_unknown(row, catalogue)
    }
    if unknown:
        raise Invalid("part.unknown", "", unknown)
    for name, _, row in rows:
        row.setdefault("qty", 1)
        if row.get("part_id"):
            row["name"], price = catalogue[row["part_id"]]
            if name == "plan_lines":
                row.setdefault("unit_price", price)


def _is_unknown(row: dict[str, Any], catalogue: dict[str, Any]) -> bool:
    return bool(row.get("part_id")) and row["part_id"] not in catalogue
