"""Parts requests in lists and panels, and who sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, false, or_, select

from fieldapp.field.jobs import sees_job
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db
from fieldapp.platform.web.states import ShownState
from fieldapp.services.approvals import Returned, last_returns
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from fieldapp.supply.parts.policy import SEES_ALL, SEES_HIGH, RequestFacts, may_see_request
from fieldapp.supply.parts.words import request_state

ROW: tuple[Any, ...] = (
    PartsRequest.submitted_at,
    PartsRequest.id,
    PartsRequest.number,
    PartsRequest.state,
    PartsRequest.goes_up,
    PartsRequest.urgency,
    PartsRequest.total,
    PartsRequest.wanted_on,
    PartsRequest.requester_id,
    PartsRequest.job_id,
)


@dataclass(frozen=True)
class Row:
    """A request as lists and panels show it, selected by `ROW`; `items` are `(name, quantity)`."""

    submitted_at: datetime
    id: str
    number: str
    state: str
    goes_up: bool
    urgency: str
    total: Decimal
    wanted_on: date
    requester_id: int
    job_id: str | None
    items: list[tuple[str, int]] = field(default_factory=list)
    returned: list[Returned] = field(default_factory=list)

    @property
    def shown(self) -> ShownState:
        """Return the state for its tag."""
        return request_state(self.state, self.goes_up)


def rows_of(found: Iterable[Any]) -> list[Row]:
    """Rows selected by `ROW`, with their items."""
    rows = [_row(one) for one in found]
    if rows:
        query = (
            select(PartsLine.request_id, PartsLine.name, PartsLine.qty)
            .where(PartsLine.request_id.in_([row.id for row in rows]))
            .order_by(PartsLine.request_id, PartsLine.position)
        )
        by_id = {row.id: row for row in rows}
        for request, name, qty in db.session.execute(query):
            by_id[request].items.append((name, qty))
    return _with_reasons(rows)


def _row(found: Any) -> Row:
    """Return a row selected by `ROW`, without its items."""
    return Row(**{column.key: getattr(found, column.key) for column in ROW})


def parts_of_job(job_id: str) -> list[Row]:
    """The parts requests of a job, the first one first."""
    query = (
        select(*ROW, PartsLine.name, PartsLine.qty)
        .outerjoin(PartsLine, PartsLine.request_id == PartsRequest.id)
        .where(PartsRequest.job_id == job_id)
        .order_by(PartsRequest.submitted_at, PartsRequest.id, PartsLine.position)
    )
    rows: dict[str, Row] = {}
    for found in db.session.execute(query):
        row = rows.setdefault(found.id, _row(found))
        row.items.append((found.name, found.qty))
    return _with_reasons(list(rows.values()))


def _with_reasons(rows: list[Row]) -> list[Row]:
    """What came back says why; one query, where anything did."""
    back = [row for row in rows if row.state == "returned_for_correction"]
    reasons = last_returns("parts_request", [row.id for row in back])
    for row in back:
        row.returned.extend(filter(None, [reasons.get(row.id)]))
    return rows


def panel_of_job(actor: Actor, job_id: str) -> dict[str, Any]:
    """Return the context of the job page's panel of parts."""
    may_request = actor.can("parts_request.submit")
    return {"job_id": job_id, "rows": parts_of_job(job_id), "may_request": may_request}


def visible_to(actor: Actor, query: Select[Any]) -> Select[Any]:
    """The query narrowed to the requests `may_see_request` lets this person see."""
    if actor.roles & SEES_ALL:
        return query
    mine: list[ColumnElement[bool]] = [PartsRequest.requester_id == actor.id]
    if actor.leads:
        mine.append(PartsRequest.group_id.in_(actor.leads))
    if actor.roles & SEES_HIGH:
        mine.append(PartsRequest.goes_up.is_(True))
    return query.where(or_(false(), *mine))


def facts_of_request(request: PartsRequest) -> RequestFacts:
    """Return the facts that policies judge."""
    return RequestFacts(request.requester_id, request.group_id, request.goes_up, request.state)


def sees_request(actor: Actor, request_id: str) -> bool:
    """Return whether the actor may see the request, by itself or with its job."""
    request = db.session.get(PartsRequest, request_id)
    return request is not None and sees(actor, request)


def sees(actor: Actor, request: PartsRequest) -> bool:
    """Return what `sees_request` does, for a loaded request."""
    if may_see_request(actor, facts_of_request(request)):
        return True
    return request.job_id is not None and sees_job(actor, request.job_id)
