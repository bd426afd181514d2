"""The manifest of parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from fieldapp.field.jobs import JOB_PANELS, JobSheet, pack_jobs
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import FeatureManifest, Panel
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.extensions import CHECKS, DEMO, db
from fieldapp.platform.web.extension_points import CAN_VIEW, DETAIL_URLS, LINKS, PACK, TILES, Entry
from fieldapp.services.approvals import INBOX_CARDS
from fieldapp.supply.parts.demo import fill_catalogue, fill_requests
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from fieldapp.supply.parts.queries import (
    ForApproval,
    for_approval,
    panel_of_job,
    sees_request,
)
from fieldapp.supply.parts.words import about_request

#: Own requests whose pages are kept on the phone.
MOST_OWN = 20
#: States in which their author still has something to do or to wait for.
UNDER_WAY = ("submitted", "approved_by_leader", "approved_by_purchasing", "returned_for_correction")


def _pack(actor: Actor) -> Iterator[str]:
    if actor.can("parts_request.view"):
        yield "/parts"
    if actor.can("parts_request.submit"):
        yield "/parts/new"
        yield from (f"/parts/new?job={job}" for job in pack_jobs(actor))
        yield from _own(actor)


def _own(actor: Actor) -> Iterator[str]:
    """Own requests that are under way, and the forms of those that were returned."""
    query = (
        select(PartsRequest.id, PartsRequest.state)
        .where(PartsRequest.requester_id == actor.id, PartsRequest.state.in_(UNDER_WAY))
        .order_by(PartsRequest.submitted_at.desc(), PartsRequest.id.desc())
        .limit(MOST_OWN)
    )
    for request_id, state in db.session.execute(query):
        yield f"/parts/{request_id}"
        if state == "returned_for_correction":
            yield f"/parts/{request_id}/correct"


def _on_job(actor: Actor, job: JobSheet) -> Iterable[Panel]:
    if not actor.can("parts_request.view"):
        return []
    return [Panel("supply/parts/_job_parts.html", panel_of_job(actor, job.id), order=40)]


def _in_inbox(ids: Sequence[str]) -> dict[str, Panel]:
    return {one: _panel(found) for one, found in for_approval(ids).items()}


def _panel(found: ForApproval) -> Panel:
    return Panel(
        "supply/parts/_inbox.html", {"found": found}, about=lambda who: about_request(who, Decimal(found.request.total))
    )


def wrong_totals() -> Iterator[str]:
    """Requests whose stored total is not the sum of their lines."""
    total = func.coalesce(func.sum(PartsLine.unit_price * PartsLine.qty), 0)
    query = (
        select(PartsRequest.number, PartsRequest.total, total)
        .outerjoin(PartsLine, PartsLine.request_id == PartsRequest.id)
        .group_by(PartsRequest.id, PartsRequest.number, PartsRequest.total)
        .having(PartsRequest.total != total)
    )
    for number, stored, summed in db.session.execute(query):
        yield f"parts request {number}: total {stored} is not the sum of its lines, {Decimal(summed)}"


_AUTHOR = ("parts_request.view", "parts_request.submit", "parts_request.resubmit", "parts_request.withdraw")
_DECIDE = ("parts_request.approve", "parts_request.return", "parts_request.reject")

manifest = FeatureManifest(
    grants={
        "technician": _AUTHOR,
        "leader": (*_AUTHOR, *_DECIDE),
        **dict.fromkeys(("manager", "purchasing", "executive"), ("parts_request.view", *_DECIDE)),
        **dict.fromkeys(("finance", "agent", "quality"), ("parts_request.view",)),
    },
    provides=(
        FACT_NAMES.by("parts_request", frozenset({"job_id", "urgency", "wanted_on", "goes_up"})),
        TILES.by(
            Entry(
                "parts",
                _l("Request parts"),
                "/parts/new",
                "parts_request.submit",
                order=20,
                icon="part",
                hint=_l("Spare parts, consumables, tools"),
            )
        ),
        LINKS.by(Entry("parts", _l("Parts requests"), "/parts", "parts_request.view", order=20, icon="part")),
        PACK.by(_pack),
        JOB_PANELS.by(_on_job),
        CAN_VIEW.by("parts_request", sees_request),
        DETAIL_URLS.by("parts_request", "/parts/"),
        INBOX_CARDS.by("parts_request", _in_inbox),
        CHECKS.by(wrong_totals),
        DEMO.by(fill_catalogue, order=10),
        DEMO.by(fill_requests, order=40),
    ),
)
