"""What the schema cannot know: does the record exist, is the part real, does the plan lie ahead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import and_, func, select

from fieldapp.errors import Conflict, Invalid
from fieldapp.field.jobs import JobFacts, Visit, VisitEvent, VisitMember
from fieldapp.field.reports.models import ServiceReport
from fieldapp.platform.commandbus import Context
from fieldapp.supply.parts import Part

KIND = "service_report"

#: Nobody plans a visit further ahead; a wrong year is caught by it.
FURTHEST = timedelta(days=366)


@dataclass(frozen=True)
class OnVisit:
    """The visit a report is about, and the facts of its job by which permission is judged.

    `named` is the visit that the form named where that is another one.
    """

    visit: Visit
    job: JobFacts
    named: str = ""


#: Taps by which a technician says that a visit is under way.
_UNDER_WAY = ("set_out", "arrive", "start", "resume")


def visit_under_way(ctx: Context, named: Visit) -> Visit | None:
    """Return the visit of the same job that the author had started since the named one was reported, if any.

    It still wants a report of the author, and was started before this one was written. A form that was kept on a
    phone may name the visit before (ADR 28).
    """
    own = select(ServiceReport.visit_id).where(
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
            Visit.id.not_in(own),
            VisitMember.removed_at.is_(None),
            VisitEvent.kind.in_(_UNDER_WAY),
            VisitEvent.happened_at > reported,
            VisitEvent.happened_at <= ctx.at,
        )
        .order_by(VisitEvent.happened_at.desc(), VisitEvent.id.desc())
        .limit(1)
    )
    found = ctx.session.scalar(query)
    return ctx.load(Visit, found) if found else None


def check_new(ctx: Context, on: OnVisit, data: dict[str, Any]) -> None:
    """A new record under its own id, and one report under way for each author and visit. Raises Invalid, Conflict."""
    if ctx.envelope.agg != (KIND, data["id"]):
        raise Invalid.field("id", _l("This record is not known."), "record.wrong_id")
    if ctx.find(ServiceReport, data["id"]) is not None:
        raise Conflict("record.exists", _l("This report was already received."), {"report": data["id"]})
    own = ctx.session.scalars(
        select(ServiceReport).where(
            ServiceReport.visit_id == on.visit.id,
            ServiceReport.author_id == ctx.actor.id,
            ServiceReport.state != "accepted",
        )
    ).first()
    if own is not None:
        words = _l("You already sent a report of this visit. Please correct that one.")
        current = {"report": own.id, "ref": own.ref, "state": own.state, "version": own.version}
        raise Conflict("service_report.under_way", words, current)


def check_plan(ctx: Context, data: dict[str, Any]) -> None:
    """The next visit lies after this one, as the author's clock had it: the record may have waited for signal."""
    planned = data.get("plan_at")
    if data["result"] != "another_visit" or planned is None:
        return
    if planned <= ctx.at:
        raise Invalid.field("plan_at", _l("The next visit must lie in the future."))
    if planned > max(ctx.at, ctx.now) + FURTHEST:
        raise Invalid.field("plan_at", _l("This day lies too far in the future."))


def name_parts(ctx: Context, data: dict[str, Any]) -> None:
    """Completes rows from the catalogue: name, quantity, estimated price. Raises Invalid at an unknown part.

    A part that left the catalogue since the phone last saw it is still what was fitted.
    """
    rows = [(name, at, row) for name in ("parts", "plan_lines") for at, row in enumerate(data.get(name) or [])]
    wanted = {row["part_id"] for _, _, row in rows if row.get("part_id")}
    query = select(Part.id, Part.name, Part.price).where(Part.id.in_(wanted))
    known = {part: (name, price) for part, name, price in ctx.session.execute(query)} if wanted else {}
    unknown = {f"{name}.{at}.part_id": [_l("This part is not known.")] for name, at, row in rows if _lost(row, known)}
    if unknown:
        raise Invalid("part.unknown", "", unknown)
    for name, _, row in rows:
        row.setdefault("qty", 1)
        if row.get("part_id"):
            row["name"], price = known[row["part_id"]]
            if name == "plan_lines":
                row.setdefault("unit_price", price)


def _lost(row: dict[str, Any], known: dict[str, Any]) -> bool:
    return bool(row.get("part_id")) and row["part_id"] not in known
