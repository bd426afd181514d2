"""The list of parts requests: own ones, those of the led group, or all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, or_, select

from fieldapp.field.jobs import job_lines
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.web.lists import Col, Completed, Filter, Key, ListDef, Sort
from fieldapp.services.accounts import names_of
from fieldapp.services.attachments import progress_of
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from fieldapp.supply.parts.policy import REQUEST
from fieldapp.supply.parts.queries import ROW, rows_of, visible_to
from fieldapp.supply.parts.words import STATES, URGENCIES


def sees_others(actor: Actor) -> bool:
    """Return whether the list may hold other people's requests."""
    return bool(actor.leads) or actor.can("parts_request.approve") or actor.sees_all_groups


def _in_month(query: Select[Any], month: str) -> Select[Any]:
    first, following = clock.month_bounds(month)
    since, until = clock.day_bounds(first)[0], clock.day_bounds(following)[0]
    return query.where(PartsRequest.submitted_at >= since, PartsRequest.submitted_at < until)


def _with_words(query: Select[Any], words: str) -> Select[Any]:
    lines = select(PartsLine.request_id).where(PartsLine.name.icontains(words, autoescape=True))
    return query.where(or_(PartsRequest.number.icontains(words, autoescape=True), PartsRequest.id.in_(lines)))


FILTERS = (
    Filter(
        "state",
        _l("State"),
        lambda query, state: query.where(PartsRequest.state == state),
        widget="chips",
        options=(("", _l("All")), *STATES.items()),
    ),
    Filter("month", _l("Month"), _in_month, widget="month"),
    Filter("q", _l("Number or part"), _with_words, widget="text"),
)


def _complete(rows: Sequence[Any], actor: Actor) -> list[Completed]:
    """Add the parts, the job, the requester and missing photos; five queries for all rows."""
    found = rows_of(rows)
    jobs, arrived = job_lines(row.job_id for row in found), progress_of("parts_request", [row.id for row in found])
    names = names_of({row.requester_id for row in found})
    return [
        Completed(
            row,
            job=jobs[row.job_id].words if row.job_id in jobs else "",
            arrived=arrived.get(row.id),
            requester=names.get(row.requester_id, ""),
        )
        for row in found
    ]


def _parts(row: Any) -> str:
    return gettext(", ").join(f"{name} \u00d7{qty}" for name, qty in row.items)


LIST = ListDef(
    name="parts",
    title=_l("Parts requests"),
    address="/parts",
    verb="parts_request.view",
    base=lambda actor: visible_to(actor, select(*ROW)),
    filters=lambda actor: FILTERS,
    complete=_complete,
    columns=(
        Col("parts", _l("Parts"), value=_parts, width=40, card="title"),
        Col("state", _l("State"), "state", states=REQUEST, width=18),
        Col("urgency", _l("Urgency"), "state", words=URGENCIES, export="only"),
        Col("total", _l("Total"), "money", total=True),
        Col("number", _l("Number"), "name", width=16),
        Col("requester", _l("Technician"), "name", who=sees_others),
        Col("submitted_at", _l("Sent"), "moment", width=17),
        Col("wanted_on", _l("Wanted by"), "day"),
        Col("job", _l("Job"), width=36),
    ),
    sorts=(
        Sort("newest", _l("Newest first"), (Key(PartsRequest.submitted_at, True), Key(PartsRequest.id, True))),
        Sort("wanted", _l("Wanted first"), (Key(PartsRequest.wanted_on), Key(PartsRequest.id))),
        Sort("total", _l("Largest amount first"), (Key(PartsRequest.total, True), Key(PartsRequest.id, True))),
    ),
    cells="supply/parts/_cells.html",
    nothing=_l("There are no parts requests."),
    nothing_fits=_l("No request fits these filters."),
    icon="part",
    body_id="parts-rows",
)
