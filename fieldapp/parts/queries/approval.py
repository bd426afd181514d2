"""A request as those see it who decide on it, with what looks like one need in pieces (D-PART-2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, or_, select

from fieldapp.extensions import db
from fieldapp.jobs import JobLine, job_lines
from fieldapp.parts.models import Part, PartsLine, PartsRequest
from fieldapp.parts.policy import ENDED_WITHOUT_PARTS, Asked, Line, Split, split_of
from fieldapp.settings import figure


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
    """A request with its lines, its job, and the split warning; `limit` and `days` are the figures applied."""

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
    known = _requests(request_ids, with_split)
    wanted = [known[one] for one in request_ids if one in known]
    lines = _lines(list(known))
    jobs = job_lines(request.job_id for request in wanted)
    days, limit = int(figure("parts.split_days")), Decimal(figure("parts.leader_limit"))
    asked = {
        key: Asked(key, one.submitted_at, tuple(_plain(priced.line) for priced in lines.get(key, [])))
        for key, one in known.items()
    }
    found = {}
    for request in wanted:
        others = [asked[key] for key, one in known.items() if _counts(one, request)]
        split = split_of(asked[request.id], others, days, limit) if with_split else None
        job = jobs.get(request.job_id or "")
        found[request.id] = ForApproval(request, lines.get(request.id, []), job, split, limit, days)
    return found


def _requests(ids: Sequence[str], with_split: bool) -> dict[str, PartsRequest]:
    """These requests, and the others of their jobs."""
    asked_for: ColumnElement[bool] = PartsRequest.id.in_(ids)
    if with_split:
        jobs = select(PartsRequest.job_id).where(PartsRequest.id.in_(ids), PartsRequest.job_id.is_not(None))
        others = and_(PartsRequest.job_id.in_(jobs), PartsRequest.state.not_in(ENDED_WITHOUT_PARTS))
        asked_for = or_(asked_for, others)
    return {one.id: one for one in db.session.scalars(select(PartsRequest).where(asked_for))}


def _counts(other: PartsRequest, request: PartsRequest) -> bool:
    same_job = request.job_id is not None and other.job_id == request.job_id
    return same_job and other.id != request.id and other.state not in ENDED_WITHOUT_PARTS


def _lines(ids: Sequence[str]) -> Mapping[str, list[Priced]]:
    query = (
        select(PartsLine, Part.price)
        .outerjoin(Part, Part.id == PartsLine.part_id)
        .where(PartsLine.request_id.in_(ids))
        .order_by(PartsLine.request_id, PartsLine.position)
    )
    found: dict[str, list[Priced]] = {}
    for line, price in db.session.execute(query):
        listed = price if price is not None and price > line.unit_price else None
        found.setdefault(line.request_id, []).append(Priced(line, listed))
    return found


def _plain(line: PartsLine) -> Line:
    return Line(line.name, line.qty, line.unit_price, line.part_id)
