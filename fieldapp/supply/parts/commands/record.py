"""Store a request with its lines; shared by the commands."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Invalid
from fieldapp.field.jobs import job_label, job_lines
from fieldapp.kernel import clock, ids, money
from fieldapp.platform.commandbus import Context, Effect, next_state
from fieldapp.services.approvals import Detail, open_case
from fieldapp.services.settings import value
from fieldapp.supply.parts.models import Part, PartsLine, PartsRequest
from fieldapp.supply.parts.policy import REQUEST, Line, chain_roles, needs_escalation, total_of
from fieldapp.supply.parts.schemas import NOT_IN_CATALOGUE
from fieldapp.supply.parts.words import URGENCIES

KIND = "parts_request"

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


#: Earlier requests keep their numbers: a phone's reference (`K7-0042`), or `P-…` from a desk.
PREFIX = "PR"


def request_number(ctx: Context, record: str) -> str:
    """Return the number of a request, made of the day and the record's id: `PR-261122-K7QX`."""
    tail = "".join(_ALPHABET[byte % 32] for byte in hashlib.sha256(record.encode()).digest()[:4])
    return f"{PREFIX}-{clock.local(ctx.now):%y%m%d}-{tail}"


def store_request(
    ctx: Context, request: PartsRequest, rows: Sequence[Mapping[str, Any]], state: str = "submitted"
) -> None:
    """Store the request with its lines, and open its case with all approvers (D-PART-2). Raise Invalid at a line."""
    lines, list_prices = _load_lines(ctx, rows)
    policy_lines = [
        Line(line.name, line.qty, line.unit_price, line.part_id, list_prices.get(line.part_id or "")) for line in lines
    ]
    limit = Decimal(value("parts.leader_limit", ctx.at))
    request.state, request.total, request.goes_up = state, total_of(policy_lines), needs_escalation(policy_lines, limit)
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
        shown=_approval_content(ctx, request, lines),
        roles=chain_roles(policy_lines, limit),
        amount=request.total,
    )


def _approval_content(ctx: Context, request: PartsRequest, lines: Sequence[PartsLine]) -> dict[str, Any]:
    """Return what the approvers decide on. The job's label is stored too, so that the inbox needs no query for it."""
    return {
        "total": str(request.total),
        "urgency": request.urgency,
        "wanted_on": request.wanted_on.isoformat(),
        "reason": request.reason,
        "job": request.job_id,
        "job_words": job_label(ctx, request.job_id) if request.job_id else "",
        "lines": [
            {"part": line.part_id, "name": line.name, "qty": line.qty, "price": str(line.unit_price), "note": line.note}
            for line in lines
        ],
    }


def details(shown: Mapping[str, Any]) -> list[Detail]:
    """Return a request's content as labelled texts. A line's key is its part, else its name."""
    details_of_lines, times_named = [], Counter[str]()
    for line in shown["lines"]:
        name = line["part"] or line["name"]
        times_named[name] += 1
        text = f"{line['name']} {line['qty']} × {Decimal(line['price']):,.2f}"
        text += f" · {line['note']}" if line["note"] else ""
        details_of_lines.append(Detail(f"line:{name}:{times_named[name]}", gettext("Item"), text))
    return [
        Detail("total", gettext("Amount"), f"{Decimal(shown['total']):,.2f}"),
        *details_of_lines,
        Detail("urgency", gettext("Urgency"), str(URGENCIES[shown["urgency"]])),
        Detail("wanted_on", gettext("Wanted by"), shown["wanted_on"]),
        Detail("reason", gettext("What for"), shown["reason"]),
        Detail("job", gettext("Job"), _job_text(shown), shown["job"] or ""),
    ]


def _job_text(shown: Mapping[str, Any]) -> str:
    job_id = shown["job"]
    if job_id is None:
        return gettext("no job")
    if "job_words" in shown:
        return str(shown["job_words"])
    # Cases opened by earlier releases hold the id only.
    line = job_lines([job_id]).get(job_id)
    return line.words if line else str(job_id)


def _load_lines(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> tuple[list[PartsLine], dict[str, Decimal]]:
    """Return the lines, and the list price of each part. Raise Invalid at the line.

    Names come from the catalogue; prices too if none was typed.
    """
    part_ids = {_part_id(row) for row in rows} - {None}
    parts = {part.id: part for part in ctx.scalars(select(Part).where(Part.id.in_(part_ids)))} if part_ids else {}
    lines = [_line(row, parts, index) for index, row in enumerate(rows)]
    return lines, {part_id: part.price for part_id, part in parts.items()}


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


def state_after(request: PartsRequest, verb: str) -> str:
    """Return the state after `verb`. Raise Conflict if somebody else changed the state before."""
    message = _l("Somebody acted on this request meanwhile.")
    return next_state(REQUEST, request.state, verb, message, "parts_request.moved_on")


def change_state(ctx: Context, request: PartsRequest, state: str, notice: str, reason: str | None = None) -> Effect:
    """Set the request's state and notify its author."""
    before = {"state": request.state}
    request.state = state
    request.ver += 1
    notify_requester(ctx, request, notice, reason)
    return Effect(ref=request.number, ver=request.ver, before=before, after={"state": state, "reason": reason})


def notify_requester(ctx: Context, request: PartsRequest, notice: str, reason: str | None = None) -> None:
    """Notify the author (D-PART-5)."""
    params = {"number": request.number, "total": money.show(request.total), "reason": reason or ""}
    params |= {"what": _request_label(ctx, request), "who": ctx.actor.name}
    ctx.notify(request.requester_id, notice, f"/parts/{request.id}", **params)


def _request_label(ctx: Context, request: PartsRequest) -> str:
    """Return the label by which the author knows the request: its job, else its first line."""
    if request.job_id:
        return job_label(ctx, request.job_id)
    first = select(PartsLine.name).where(PartsLine.request_id == request.id).order_by(PartsLine.position).limit(1)
    return str(ctx.session.scalar(first) or request.number)


def audit_values(request: PartsRequest) -> dict[str, Any]:
    """Return the request's values for the audit log."""
    return {
        "number": request.number,
        "job_id": request.job_id,
        "state": request.state,
        "urgency": request.urgency,
        "wanted_on": request.wanted_on.isoformat(),
        "total": f"{request.total:.2f}",
        "goes_up": request.goes_up,
    }
