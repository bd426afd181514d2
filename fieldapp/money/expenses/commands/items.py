"""An expense is captured at the counter, put right, thrown away (D-EXP-1, D-EXP-3)."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from flask_babel import lazy_gettext as _l
from sqlalchemy import Table

from fieldapp.errors import Conflict, Invalid
from fieldapp.field.jobs import facts_of, may_work_on
from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import Actor
from fieldapp.money.expenses.commands import holds
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.money.expenses.policy import FREE, ITEM, fapiao_key, home_group, is_own, plain_number, too_old
from fieldapp.money.expenses.schemas import Correction, Item, Nothing
from fieldapp.money.expenses.words import finding_words
from fieldapp.platform.commandbus import UNDO, Context, Effect, Photos, command
from fieldapp.services.settings import value

RECEIPTS = Photos("receipt", _l("Receipt"), most=6)

_TABLE = cast(Table, ExpenseItem.__table__)


def _anybody(actor: Actor, record: None) -> bool:
    return True


def _own(actor: Actor, item: ExpenseItem) -> bool:
    return is_own(actor, item.owner_id)


def _load(ctx: Context, data: dict[str, Any]) -> ExpenseItem:
    return ctx.load(ExpenseItem, ctx.id)


@command(
    "expense_item.capture",
    label=_l("Expense"),
    schema=Item,
    may=_anybody,
    photos=(RECEIPTS,),
    reads_nothing_from_batch=True,
    own_work=True,
)
def capture(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Keeps an expense. One insert and nothing else, where no job is named."""
    if data["id"] != ctx.id:
        raise Invalid.field("id", _l("This record is not known."))
    row = {
        **_values(ctx, data),
        "id": ctx.id,
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
    return Effect(ref=ids.short_reference(envelope.dev, envelope.seq) if ctx.mouth != "desk" else None, ver=1)


@command(
    "expense_item.resubmit",
    label=_l("Correct the expense"),
    schema=Correction,
    may=_own,
    load=_load,
    photos=(RECEIPTS,),
    own_work=True,
)
def correct(ctx: Context, item: ExpenseItem, data: dict[str, Any]) -> Effect:
    """Puts an own expense right while no claim holds it; further receipts are added to the earlier ones.

    An item of a returned claim that gets another fapiao frees the earlier one.
    """
    _must_be_free(item)
    before, held = facts(item), holds.fapiao_of(item)
    job_id = data.get("job_id")
    if job_id != item.job_id:
        item.group_id = home_group(ctx.actor, _group_of_job(ctx, job_id))
    for name, new in _values(ctx, data, item).items():
        setattr(item, name, new)
    if not holds.change(ctx, item, held):
        raise Invalid.field("fapiao_number", finding_words("fapiao_used", {"number": item.fapiao_number}))
    item.receipts += len(ctx.envelope.atts)
    item.ver += 1
    return Effect(ver=item.ver, before=before, after=facts(item))


@command(
    "expense_item.discard",
    label=_l("Discard the expense"),
    schema=Nothing,
    may=_own,
    load=_load,
    undo=UNDO,
    own_work=True,
)
def discard(ctx: Context, item: ExpenseItem, data: dict[str, Any]) -> Effect:
    """Throws an own expense away that is in no claim. Its row stays, and its fapiao is free again."""
    if item.state == "discarded":
        return Effect(ver=item.ver, before=facts(item), after=facts(item))
    if (item.state, "discard") not in ITEM.moves:
        raise _not_free(item)
    before = facts(item)
    item.state = "discarded"
    item.ver += 1
    return Effect(ver=item.ver, before=before, after=facts(item))


def facts(item: ExpenseItem) -> dict[str, Any]:
    """An expense as the trail keeps it."""
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


def _must_be_free(item: ExpenseItem) -> None:
    if item.state not in FREE:
        raise _not_free(item)


def _not_free(item: ExpenseItem) -> Conflict:
    words = _l("This expense is in a claim. Take the claim back first.")
    if item.state not in {"claimed", "returned"}:
        words = _l("This expense was already decided.")
    return Conflict("expense_item.not_open", words, {"state": item.state})


def _values(ctx: Context, data: dict[str, Any], item: ExpenseItem | None = None) -> dict[str, Any]:
    code, number = fapiao_key(plain_number(data.get("fapiao_code")), plain_number(data.get("fapiao_number")))
    return {
        "kind": data["kind"],
        "amount": data["amount"],
        "spent_on": _day(ctx, data.get("spent_on"), item.spent_on if item else None),
        "note": data.get("note", ""),
        "job_id": data.get("job_id"),
        "fapiao_code": code,
        "fapiao_number": number,
        "fapiao_amount": data.get("fapiao_amount"),
    }


def _day(ctx: Context, day: date | None, before: date | None) -> date:
    """The day of the expense, judged by when it was written and not by when it arrived (D-EXP-3).

    A phone's clock that is years behind is no reason to refuse today (failure mode 54).
    """
    written = clock.local(ctx.at).date()
    if day is None:
        # A day that nobody typed and a clock that is in doubt: the author says which day it was.
        day = before or written
    if day > written and day > clock.local(ctx.now).date():
        raise Invalid.field("spent_on", _l("This day lies in the future."))
    # Most are written down on their day, which is never too old: no setting needs to be asked for.
    judged = ctx.day_of_age
    if day < judged and too_old(day, judged, days := int(value("expenses.max_days", ctx.at))):
        raise Invalid.field("spent_on", _l("Older than %(days)s days.", days=days))
    return day


def _group_of_job(ctx: Context, job_id: str | None) -> int | None:
    if job_id is None:
        return None
    job = facts_of(job_id)
    if job is None or not may_work_on(ctx.actor, job):
        raise Invalid.field("job_id", _l("This is not one of your jobs."))
    return job.group_id
