"""Keeping a request with its lines; shared by the commands."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict, Invalid
from fieldapp.field.jobs import job_lines, job_words
from fieldapp.kernel import clock, ids, money
from fieldapp.kernel.states import IllegalMove
from fieldapp.platform.commandbus import Context, Effect
from fieldapp.services.approvals import Detail, open_case
from fieldapp.services.settings import value
from fieldapp.supply.parts.models import Part, PartsLine, PartsRequest
from fieldapp.supply.parts.policy import REQUEST, Line, chain_roles, goes_up, total_of
from fieldapp.supply.parts.schemas import NOT_IN_CATALOGUE
from fieldapp.supply.parts.words import URGENCIES

KIND = "parts_request"

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


#: Requests of before are called as they were: a phone's reference (`K7-0042`), or `P-…` from a desk.
PREFIX = "PR"


def number_for(ctx: Context, record: str) -> str:
    """What people call the request, made of the day and the record's id: `PR-261122-K7QX`, wherever it came from."""
    tail = "".join(_LETTERS[byte % 32] for byte in hashlib.sha256(record.encode()).digest()[:4])
    return f"{PREFIX}-{clock.local(ctx.now):%y%m%d}-{tail}"


def keep(ctx: Context, request: PartsRequest, given: Sequence[Mapping[str, Any]], state: str = "submitted") -> None:
    """Keeps the request with its lines and opens its case with everybody whose yes it needs (D-PART-2)."""
    lines, listed = _priced(ctx, given)
    judged = [
        Line(line.name, line.qty, line.unit_price, line.part_id, listed.get(line.part_id or "")) for line in lines
    ]
    limit = Decimal(value("parts.leader_limit", ctx.at))
    request.state, request.total, request.goes_up = state, total_of(judged), goes_up(judged, limit)
    ctx.session.add(request)
    ctx.session.flush()
    for position, line in enumerate(lines):
        line.request_id, line.position = request.id, position
    ctx.session.add_all(lines)
    open_case(
        ctx,
        (KIND, request.id),
        requester_id=request.requester_id,
        group_id=request.group_id,
        ver=request.ver,
        shown=_shown_to_decide(ctx, request, lines),
        roles=chain_roles(judged, limit),
        amount=request.total,
    )


def _shown_to_decide(ctx: Context, request: PartsRequest, lines: Sequence[PartsLine]) -> dict[str, Any]:
    """What those in the chain decide upon; the job's words too, so that a page of many cases asks for none."""
    return {
        "total": str(request.total),
        "urgency": request.urgency,
        "wanted_on": request.wanted_on.isoformat(),
        "reason": request.reason,
        "job": request.job_id,
        "job_words": job_words(ctx, request.job_id) if request.job_id else "",
        "lines": [
            {"part": line.part_id, "name": line.name, "qty": line.qty, "price": str(line.unit_price), "note": line.note}
            for line in lines
        ],
    }


def details(shown: Mapping[str, Any]) -> list[Detail]:
    """A request's sum, lines and circumstances in words; a line is known by its part, else by its name."""
    rows, times_named = [], Counter[str]()
    for line in shown["lines"]:
        name = line["part"] or line["name"]
        times_named[name] += 1
        words = f"{line['name']} {line['qty']} × {Decimal(line['price']):,.2f}"
        words += f" · {line['note']}" if line["note"] else ""
        rows.append(Detail(f"line:{name}:{times_named[name]}", gettext("Item"), words))
    return [
        Detail("total", gettext("Amount"), f"{Decimal(shown['total']):,.2f}"),
        *rows,
        Detail("urgency", gettext("Urgency"), str(URGENCIES[shown["urgency"]])),
        Detail("wanted_on", gettext("Wanted by"), shown["wanted_on"]),
        Detail("reason", gettext("What for"), shown["reason"]),
        Detail("job", gettext("Job"), _job_in_words(shown), shown["job"] or ""),
    ]


def _job_in_words(shown: Mapping[str, Any]) -> str:
    job_id = shown["job"]
    if job_id is None:
        return gettext("no job")
    if "job_words" in shown:
        return str(shown["job_words"])
    # Cases opened by earlier releases hold the id only.
    line = job_lines([job_id]).get(job_id)
    return line.words if line else str(job_id)


def _priced(ctx: Context, given: Sequence[Mapping[str, Any]]) -> tuple[list[PartsLine], dict[str, Decimal]]:
    """The lines with the catalogue's names, and its prices where none was typed; and the list price of each part.

    Raises Invalid at the line.
    """
    wanted = {_part_id(row) for row in given} - {None}
    parts = {part.id: part for part in ctx.scalars(select(Part).where(Part.id.in_(wanted)))} if wanted else {}
    lines = [_line(row, parts, index) for index, row in enumerate(given)]
    return lines, {part: one.price for part, one in parts.items()}


def _part_id(row: Mapping[str, Any]) -> str | None:
    part_id = row.get("part_id")
    return None if part_id == NOT_IN_CATALOGUE else part_id


def _line(row: Mapping[str, Any], parts: Mapping[str, Part], index: int) -> PartsLine:
    part_id = _part_id(row)
    part = parts.get(part_id or "")
    if part_id is not None and (part is None or not part.active):
        raise Invalid.field(f"lines.{index}.part_id", _l("This part is not in the catalogue."))
    price = row.get("unit_price")
    if price is None and part is not None:
        price = part.price
    if price is None:
        raise Invalid.field(f"lines.{index}.unit_price", _l("Please estimate the price."))
    return PartsLine(
        id=str(ids.uuid7()),
        part_id=part_id,
        name=part.name if part else row["name"],
        unit=part.unit if part else "",
        qty=int(row["qty"]),
        unit_price=price,
        note=row.get("note") or "",
    )


def next_state(request: PartsRequest, verb: str) -> str:
    """The state after `verb`. Raises Conflict where somebody was faster."""
    try:
        return REQUEST.next(request.state, verb)
    except IllegalMove:
        words = _l("Somebody acted on this request meanwhile.")
        raise Conflict("parts_request.moved_on", words, {"state": request.state}) from None


def move(ctx: Context, request: PartsRequest, state: str, notice: str, reason: str | None = None) -> Effect:
    """Puts the request into a state and tells its author."""
    before = {"state": request.state}
    request.state = state
    request.ver += 1
    tell(ctx, request, notice, reason)
    return Effect(ref=request.number, ver=request.ver, before=before, after={"state": state, "reason": reason})


def tell(ctx: Context, request: PartsRequest, notice: str, reason: str | None = None) -> None:
    """A line in the author's inbox (D-PART-5)."""
    params = {"number": request.number, "total": money.show(request.total), "reason": reason or ""}
    params |= {"what": _what(ctx, request), "who": ctx.actor.name}
    ctx.notify(request.requester_id, notice, f"/parts/{request.id}", **params)


def _what(ctx: Context, request: PartsRequest) -> str:
    """Return the words by which its author knows the request: its job, or without one its first line."""
    if request.job_id:
        return job_words(ctx, request.job_id)
    first = select(PartsLine.name).where(PartsLine.request_id == request.id).order_by(PartsLine.position).limit(1)
    return str(ctx.session.scalar(first) or request.number)


def shown(request: PartsRequest) -> dict[str, Any]:
    """The request for the audit trail."""
    return {
        "number": request.number,
        "job_id": request.job_id,
        "state": request.state,
        "urgency": request.urgency,
        "wanted_on": request.wanted_on.isoformat(),
        "total": f"{request.total:.2f}",
        "goes_up": request.goes_up,
    }
