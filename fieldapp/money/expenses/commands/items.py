"""Commands of expenses: capture, correct, discard (D-EXP-1, D-EXP-3)."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from flask_babel import lazy_gettext as _l
from sqlalchemy import Table

from fieldapp.errors import Conflict, Invalid
from fieldapp.field.jobs import facts_of, may_work_on
from fieldapp.kernel import clock, ids
from fieldapp.kernel.policies import anybody, author_only
from fieldapp.money.expenses.commands import holds
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.money.expenses.policy import FREE, ITEM, fapiao_key, home_group, normalized_number, too_old
from fieldapp.money.expenses.schemas import Correction, Item, NoData
from fieldapp.money.expenses.words import finding_words
from fieldapp.platform.commandbus import UNDO, Context, Effect, Photos, command, new_id, record
from fieldapp.services.settings import value

RECEIPTS = Photos("receipt", _l("Receipt"), most=6)

_TABLE = cast(Table, ExpenseItem.__table__)


@command(
    "expense_item.capture",
    label=_l("Expense"),
    schema=Item,
    may=anybody,
    photos=(RECEIPTS,),
    reads_nothing_from_batch=True,
    own_work=True,
)
def capture(ctx: Context, nothing: None, data: dict[str, Any]) -> Effect:
    """Store an expense. Without a job this is a single insert."""
    record_id = new_id(ctx, data)
    row = {
        **_columns(ctx, data),
        "id": record_id,
        "owner_id": ctx.actor.id,
        "group_id": home_group(ctx.actor, _group_of_job(ctx, data.get("job_id"))),
        "receipts": len(ctx.envelope.atts),
        "state": "open",
        "captured_at": ctx.at,
        "received_at": ctx.now,
        "clock_doubt": ctx.written.doubt,
    }
    ctx.insert(_TABLE, row, _l("This expense was already received."))
    envelope = ctx.envelope
    return Effect(ref=ids.short_reference(envelope.dev, envelope.seq) if ctx.channel.from_phone else None, ver=1)


@command(
    "expense_item.resubmit",
    label=_l("Correct the expense"),
    schema=Correction,
    may=author_only("owner_id"),
    load=record(ExpenseItem),
    photos=(RECEIPTS,),
    own_work=True,
)
def correct(ctx: Context, item: ExpenseItem, data: dict[str, Any]) -> Effect:
    """Correct an expense that no claim holds; further receipts are added to the earlier ones.

    If an item of a returned claim gets another fapiao, the earlier one is released.
    """
    _require_free(item)
    before, previous_fapiao = audit_values(item), holds.fapiao_of(item)
    job_id = data.get("job_id")
    if job_id != item.job_id:
        item.group_id = home_group(ctx.actor, _group_of_job(ctx, job_id))
    for name, new in _columns(ctx, data, item).items():
        setattr(item, name, new)
    if not holds.replace(ctx, item, previous_fapiao):
        raise Invalid.field("fapiao_number", finding_words("fapiao_used", {"number": item.fapiao_number}))
    item.receipts += len(ctx.envelope.atts)
    item.ver += 1
    return Effect(ver=item.ver, before=before, after=audit_values(item))


@command(
    "expense_item.discard",
    label=_l("Discard the expense"),
    schema=NoData,
    may=author_only("owner_id"),
    load=record(ExpenseItem),
    undo=UNDO,
    own_work=True,
)
def discard(ctx: Context, item: ExpenseItem, data: dict[str, Any]) -> Effect:
    """Discard an expense that is in no claim. Its row stays; its fapiao is free again."""
    if item.state == "discarded":
        return Effect(ver=item.ver, before=audit_values(item), after=audit_values(item))
    if (item.state, "discard") not in ITEM.moves:
        raise _not_free_error(item)
    before = audit_values(item)
    item.state = "discarded"
    item.ver += 1
    return Effect(ver=item.ver, before=before, after=audit_values(item))


def audit_values(item: ExpenseItem) -> dict[str, Any]:
    """Return the expense's values for the audit log."""
    return {
        "state": item.state,
        "kind": item.kind,
        "amount": str(item.amount),
        "spent_on": item.spent_on.isoformat(),
        "note": item.note,
        "job_id": item.job_id,
        "fapiao": [item.fapiao_code, item.fapiao_number, str(item.fapiao_amount or "")],
        "receipts": item.receipts,
    }


def _require_free(item: ExpenseItem) -> None:
    if item.state not in FREE:
        raise _not_free_error(item)


def _not_free_error(item: ExpenseItem) -> Conflict:
    message = _l("This expense is in a claim. Take the claim back first.")
    if item.state not in {"claimed", "returned"}:
        message = _l("This expense was already decided.")
    return Conflict("expense_item.not_open", message, {"state": item.state})


def _columns(ctx: Context, data: dict[str, Any], item: ExpenseItem | None = None) -> dict[str, Any]:
    code, number = fapiao_key(normalized_number(data.get("fapiao_code")), normalized_number(data.get("fapiao_number")))
    return {
        "kind": data["kind"],
        "amount": data["amount"],
        "spent_on": _spent_on(ctx, data.get("spent_on"), item.spent_on if item else None),
        "note": data.get("note", ""),
        "job_id": data.get("job_id"),
        "fapiao_code": code,
        "fapiao_number": number,
        "fapiao_amount": data.get("fapiao_amount"),
    }


def _spent_on(ctx: Context, day: date | None, before: date | None) -> date:
    """Return the day of the expense. Raise Invalid if it is in the future, or too old at the time of writing (D-EXP-3).

    The time of arrival does not matter, and a phone's clock that is years behind refuses nothing (failure mode 54).
    """
    written_on = clock.local(ctx.at).date()
    if day is None:
        # Not typed: the day of writing, also by a clock in doubt; the author can correct it.
        day = before or written_on
    if day > written_on and day > clock.local(ctx.now).date():
        raise Invalid.field("spent_on", _l("This day lies in the future."))
    # An expense of the same day is never too old, so most captures need no setting.
    reference_day = ctx.day_of_age
    if day < reference_day and too_old(day, reference_day, days := int(value("expenses.max_days", ctx.at))):
        raise Invalid.field("spent_on", _l("Older than %(days)s days.", days=days))
    return day


def _group_of_job(ctx: Context, job_id: str | None) -> int | None:
    if job_id is None:
        return None
    job = facts_of(job_id)
    if job is None or not may_work_on(ctx.actor, job):
        raise Invalid.field("job_id", _l("This is not one of your jobs."))
    return job.group_id
