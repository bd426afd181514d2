"""A request as those see it who decide on it, with what looks like one need in pieces (D-PART-2)."""

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
from fieldapp.supply.parts.policy import ENDED_WITHOUT_PARTS, Asked, Line, Split, split_of


@dataclass(frozen=True)
class Priced:
    """A line, and the catalogue's price where the line gives a lower one."""

    line: PartsLine
    listed: Decimal | None

    @property
    def sum(self) -> Decimal:
        """Quantity by unit price."""
        return _plain(self.line).sum


@dataclass(frozen=True)
class ForApproval:
    """A request with its lines, its job, and the split warning; `limit` and `days` are the settings applied."""

    request: PartsRequest
    lines: list[Priced]
    job: JobLine | None
    split: Split | None
    limit: Decimal
    days: int


def for_approval(request_ids: Sequence[str], with_split: bool = True) -> dict[str, ForApproval]:
    """What deciding on these requests takes, by id; the same few queries however many there are."""
    if not request_ids:
        return {}
    known, lines, jobs = _read(request_ids, with_split)
    wanted = [known[one] for one in request_ids if one in known]
    days = int(value("parts.split_days", clock.now()))
    asked = {
        key: Asked(key, one.submitted_at, tuple(_plain(priced.line, priced.listed) for priced in lines.get(key, [])))
        for key, one in known.items()
    }
    found = {}
    for request in wanted:
        limit = Decimal(value("parts.leader_limit", request.submitted_at))
        others = [asked[key] for key, one in known.items() if _counts(one, request)]
        own = [asked[key] for key, one in known.items() if _counts_for_person(one, request)]
        split = split_of(asked[request.id], others, days, limit, own) if with_split else None
        found[request.id] = ForApproval(request, lines.get(request.id, []), jobs[request.id], split, limit, days)
    return found


def _read(
    ids: Sequence[str], with_split: bool
) -> tuple[dict[str, PartsRequest], dict[str, list[Priced]], dict[str, JobLine | None]]:
    """These requests and the others of their jobs, their lines and jobs, each by request id; one query."""
    asked_for: ColumnElement[bool] = PartsRequest.id.in_(ids)
    if with_split:
        jobs = select(PartsRequest.job_id).where(PartsRequest.id.in_(ids), PartsRequest.job_id.is_not(None))
        others = and_(PartsRequest.job_id.in_(jobs), PartsRequest.state.not_in(ENDED_WITHOUT_PARTS))
        asked_for = or_(asked_for, others, _of_the_same_people(ids))
    query = (
        select(PartsRequest, PartsLine, Part.price)
        .outerjoin(PartsLine, PartsLine.request_id == PartsRequest.id)
        .outerjoin(Part, Part.id == PartsLine.part_id)
        .where(asked_for)
        .order_by(PartsRequest.id, PartsLine.position)
    )
    known: dict[str, PartsRequest] = {}
    lines: dict[str, list[Priced]] = {}
    jobs_of: dict[str, JobLine | None] = {}
    for row in db.session.execute(with_job(query, PartsRequest.job_id)):
        request, line, price = row[:3]
        known[request.id], jobs_of[request.id] = request, line_in(row)
        if line is not None:
            listed = price if price is not None and price > line.unit_price else None
            lines.setdefault(request.id, []).append(Priced(line, listed))
    return known, lines, jobs_of


def _of_the_same_people(ids: Sequence[str]) -> ColumnElement[bool]:
    """Other requests of each of these requests' authors, as far as their days can matter."""
    this = aliased(PartsRequest)
    near = days_apart(this.submitted_at, PartsRequest.submitted_at) <= int(value("parts.split_days", clock.now())) + 1
    same = select(this.id).where(this.id.in_(ids), this.requester_id == PartsRequest.requester_id, near)
    return and_(same.exists(), PartsRequest.state.not_in(ENDED_WITHOUT_PARTS))


def _counts_for_person(other: PartsRequest, request: PartsRequest) -> bool:
    same = other.requester_id == request.requester_id
    return same and other.id != request.id and other.state not in ENDED_WITHOUT_PARTS


def _counts(other: PartsRequest, request: PartsRequest) -> bool:
    same_job = request.job_id is not None and other.job_id == request.job_id
    return same_job and other.id != request.id and other.state not in ENDED_WITHOUT_PARTS


def _plain(line: PartsLine, listed: Decimal | None = None) -> Line:
    return Line(line.name, line.qty, line.unit_price, line.part_id, listed)
