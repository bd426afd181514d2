"""Load requests for their approvers, with the split warning (D-PART-2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import aliased

from fieldapp.field.jobs import JobLine, line_in, with_job
from fieldapp.kernel import clock
from fieldapp.platform.database import days_apart
from fieldapp.platform.extensions import db
from fieldapp.services.settings import value
from fieldapp.supply.parts.models import Part, PartsLine, PartsRequest
from fieldapp.supply.parts.policy import ENDED_WITHOUT_PARTS, Line, RequestSummary, Split, split_of


@dataclass(frozen=True)
class Priced:
    """A line. `list_price` is the catalogue's price if it is higher than the line's."""

    line: PartsLine
    list_price: Decimal | None

    @property
    def sum(self) -> Decimal:
        """Return quantity times unit price, in yuan."""
        return _policy_line(self.line).sum


@dataclass(frozen=True)
class ForApproval:
    """A request with lines, job and split warning; `limit` (yuan) and `days` are the settings applied."""

    request: PartsRequest
    lines: list[Priced]
    job: JobLine | None
    split: Split | None
    limit: Decimal
    days: int


def for_approval(request_ids: Sequence[str], with_split: bool = True) -> dict[str, ForApproval]:
    """Return the requests by id, as approvers see them. The number of queries does not depend on the number of ids."""
    if not request_ids:
        return {}
    requests, lines, jobs = _read(request_ids, with_split)
    chosen = [requests[request_id] for request_id in request_ids if request_id in requests]
    days = int(value("parts.split_days", clock.now()))
    summaries = {
        key: RequestSummary(
            key,
            other.submitted_at,
            tuple(_policy_line(priced.line, priced.list_price) for priced in lines.get(key, [])),
        )
        for key, other in requests.items()
    }
    approvals = {}
    for request in chosen:
        limit = Decimal(value("parts.leader_limit", request.submitted_at))
        others = [summaries[key] for key, other in requests.items() if _counts_as_same_job(other, request)]
        of_same_person = [summaries[key] for key, other in requests.items() if _counts_as_same_person(other, request)]
        split = split_of(summaries[request.id], others, days, limit, of_same_person) if with_split else None
        approvals[request.id] = ForApproval(request, lines.get(request.id, []), jobs[request.id], split, limit, days)
    return approvals


def _read(
    ids: Sequence[str], with_split: bool
) -> tuple[dict[str, PartsRequest], dict[str, list[Priced]], dict[str, JobLine | None]]:
    """Return requests, lines and jobs by request id, with the other requests of their jobs and authors. One query."""
    condition: ColumnElement[bool] = PartsRequest.id.in_(ids)
    if with_split:
        jobs = select(PartsRequest.job_id).where(PartsRequest.id.in_(ids), PartsRequest.job_id.is_not(None))
        others = and_(PartsRequest.job_id.in_(jobs), PartsRequest.state.not_in(ENDED_WITHOUT_PARTS))
        condition = or_(condition, others, _by_same_requesters(ids))
    query = (
        select(PartsRequest, PartsLine, Part.price)
        .outerjoin(PartsLine, PartsLine.request_id == PartsRequest.id)
        .outerjoin(Part, Part.id == PartsLine.part_id)
        .where(condition)
        .order_by(PartsRequest.id, PartsLine.position)
    )
    requests: dict[str, PartsRequest] = {}
    lines: dict[str, list[Priced]] = {}
    jobs_of: dict[str, JobLine | None] = {}
    for row in db.session.execute(with_job(query, PartsRequest.job_id)):
        request, line, price = row[:3]
        requests[request.id], jobs_of[request.id] = request, line_in(row)
        if line is not None:
            list_price = price if price is not None and price > line.unit_price else None
            lines.setdefault(request.id, []).append(Priced(line, list_price))
    return requests, lines, jobs_of


def _by_same_requesters(ids: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition for other requests of the same authors that are near enough in time."""
    this = aliased(PartsRequest)
    is_near = (
        days_apart(this.submitted_at, PartsRequest.submitted_at) <= int(value("parts.split_days", clock.now())) + 1
    )
    same = select(this.id).where(this.id.in_(ids), this.requester_id == PartsRequest.requester_id, is_near)
    return and_(same.exists(), PartsRequest.state.not_in(ENDED_WITHOUT_PARTS))


def _counts_as_same_person(other: PartsRequest, request: PartsRequest) -> bool:
    same = other.requester_id == request.requester_id
    return same and other.id != request.id and other.state not in ENDED_WITHOUT_PARTS


def _counts_as_same_job(other: PartsRequest, request: PartsRequest) -> bool:
    same_job = request.job_id is not None and other.job_id == request.job_id
    return same_job and other.id != request.id and other.state not in ENDED_WITHOUT_PARTS


def _policy_line(line: PartsLine, list_price: Decimal | None = None) -> Line:
    return Line(line.name, line.qty, line.unit_price, line.part_id, list_price)
