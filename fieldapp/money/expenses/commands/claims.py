"""Claims: sent, taken back, decided (D-EXP-3, D-EXP-5, D-EXP-8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select, update

from fieldapp.errors import Conflict, Invalid
from fieldapp.kernel import clock, money
from fieldapp.kernel.actor import Actor
from fieldapp.money.expenses.commands import holds
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.money.expenses.policy import CLAIM, FREE, ITEM, Finding, findings, home_group, is_own
from fieldapp.money.expenses.queries.checks import elsewhere, facts_of_items, limits
from fieldapp.money.expenses.schemas import Claim, Nothing
from fieldapp.money.expenses.words import KIND_WORDS, finding_words
from fieldapp.platform.commandbus import UNDO, Context, Effect, command
from fieldapp.services.approvals import Detail, Subject, close_case, decision, open_case

KIND = "expense_claim"


def _find(ctx: Context, data: dict[str, Any]) -> ExpenseClaim | None:
    return ctx.find(ExpenseClaim, ctx.id)


def _load(ctx: Context, data: dict[str, Any]) -> ExpenseClaim:
    return ctx.load(ExpenseClaim, ctx.id)


def _own_or_new(actor: Actor, claim: ExpenseClaim | None) -> bool:
    return claim is None or is_own(actor, claim.owner_id)


def _own(actor: Actor, claim: ExpenseClaim) -> bool:
    return is_own(actor, claim.owner_id)


@command("expense_claim.submit", label=_l("Send the claim"), schema=Claim, may=_own_or_new, load=_find, own_work=True)
def submit(ctx: Context, claim: ExpenseClaim | None, data: dict[str, Any]) -> Effect:
    """Sends own free expenses to be approved; a returned claim is sent again, with what is now to be in it.

    The server adds up. Hard findings of D-EXP-3 refuse the claim at the item, soft ones go along to the approver.
    """
    if data["id"] != ctx.id:
        raise Invalid.field("id", _l("This record is not known."))
    if claim is not None and (claim.state, "submit") not in CLAIM.moves:
        raise Conflict("record.exists", _l("This claim was already received."), {"state": claim.state})
    before = None if claim is None else _facts(claim)
    chosen = list(dict.fromkeys(data["items"]))
    items = _own_free_items(ctx, chosen)
    found = _checked(ctx, items)
    claim = _put_down(ctx, claim, data.get("note", ""), sum((one.amount for one in items), Decimal(0)))
    _let_go(ctx, claim.id, ("returned",), keep=chosen)
    for item in items:
        _take_in(item, claim.id, found[item.id])
    ctx.session.flush()
    _hold_fapiao(ctx, claim.id, items)
    _ask(ctx, claim, items)
    return Effect(ref=claim.number, ver=claim.ver, before=before, after={**_facts(claim), "items": chosen})


@command(
    "expense_claim.withdraw",
    label=_l("Take the claim back"),
    schema=Nothing,
    may=_own,
    load=_load,
    undo=UNDO,
    own_work=True,
)
def withdraw(ctx: Context, claim: ExpenseClaim, data: dict[str, Any]) -> Effect:
    """Takes an undecided claim back: its expenses are free again, and so are their fapiao."""
    if claim.state == "withdrawn":
        return Effect(ref=claim.number, ver=claim.ver, before=_facts(claim), after=_facts(claim))
    if (claim.state, "withdraw") not in CLAIM.moves:
        raise Conflict("expense_claim.decided", _l("This was already decided."), {"state": claim.state})
    before = _facts(claim)
    close_case(ctx, (KIND, claim.id))
    claim.state = CLAIM.next(claim.state, "withdraw")
    claim.ver += 1
    _let_go(ctx, claim.id, ("claimed", "returned"))
    holds.free(ctx, claim.id)
    return Effect(ref=claim.number, ver=claim.ver, before=before, after=_facts(claim))


def settled(ctx: Context, record: str, verdict: str, reason: str | None) -> Effect:
    """The leader has decided. The claim stands in the list of the month in which it was approved (D-EXP-6)."""
    claim = ctx.load(ExpenseClaim, record)
    before = _facts(claim)
    claim.state = CLAIM.next(claim.state, verdict)
    claim.reason = reason
    claim.ver += 1
    changes: dict[str, Any] = {"state": ITEM.next("claimed", verdict), "ver": ExpenseItem.ver + 1}
    if verdict == "approved":
        # Our clock, not the phone's: a list that was downloaded must not gain lines from an approval made offline.
        claim.approved_at, claim.month = ctx.now, _month(ctx)
        changes["allowed_amount"] = ExpenseItem.amount
    elif verdict == "rejected":
        changes |= {"allowed_amount": Decimal(0), "cut_reason": reason}
        holds.free(ctx, claim.id)
    _change(ctx, claim.id, ("claimed",), changes)
    verb = {"approved": "approve", "returned": "return", "rejected": "reject"}[verdict]
    words = {"number": claim.number, "amount": money.show(claim.total), "reason": reason or "", "who": ctx.actor.name}
    ctx.notify(claim.owner_id, f"{KIND}.{verb}", f"/expenses/claims/{claim.id}", **words)
    return Effect(ref=claim.number, ver=claim.ver, before=before, after=_facts(claim))


def details(shown: Mapping[str, Any]) -> list[Detail]:
    """A claim's sum, note and expenses in words."""
    rows = [Detail(f"item:{one['id']}", gettext("Expense"), _in_words(one)) for one in shown["items"]]
    return [
        Detail("total", gettext("Amount"), f"{Decimal(shown['total']):,.2f}"),
        Detail("note", gettext("Note to the approver"), shown["note"]),
        *rows,
    ]


def _in_words(item: Mapping[str, Any]) -> str:
    words = [f"{KIND_WORDS[item['kind']]} ¥{Decimal(item['amount']):,.2f}", item["day"]]
    if item["fapiao"]:
        words.append(gettext("fapiao %(number)s", number=item["fapiao"]))
    words.append(ngettext("%(num)s receipt", "%(num)s receipts", item["receipts"]))
    return " · ".join([*words, *([item["note"]] if item["note"] else [])])


SUBJECT = Subject(KIND, settled, details)
approve = decision(SUBJECT, "approve")
send_back = decision(SUBJECT, "return")
reject = decision(SUBJECT, "reject")


def _own_free_items(ctx: Context, chosen: Sequence[str]) -> list[ExpenseItem]:
    """Return the chosen expenses, locked. Raises Invalid at each that is not the author's or not free.

    The expenses of a returned claim are free for that claim alone: a returned claim keeps what it holds.
    """
    query = select(ExpenseItem).where(ExpenseItem.id.in_(chosen)).order_by(ExpenseItem.id).with_for_update()
    by_id: dict[str, ExpenseItem] = {one.id: one for one in ctx.scalars(query)}
    problems: dict[str, list[Any]] = {}
    for index, one in enumerate(chosen):
        item = by_id.get(one)
        if item is None or item.owner_id != ctx.actor.id:
            problems[f"items.{index}"] = [_l("One of the expenses is not here yet, or is not yours.")]
        elif item.state not in FREE:
            problems[f"items.{index}"] = [f"{_name(item)}: {_l('This expense is already in a claim.')}"]
        elif item.claim_id not in (None, ctx.id):
            words = _l("This expense belongs to a claim that was returned. Correct that claim and send it again.")
            problems[f"items.{index}"] = [f"{_name(item)}: {words}"]
    if problems:
        raise Invalid("expense_claim.items", "", problems)
    return [by_id[one] for one in chosen]


def _checked(ctx: Context, items: Sequence[ExpenseItem]) -> dict[str, list[Finding]]:
    facts = facts_of_items(items)
    # The day of writing counts: a claim that waited for signal is not too late for that.
    found = findings(facts, elsewhere(facts, ctx.actor.id, ctx.id), limits(ctx.at), ctx.day_of_age)
    problems = {}
    for index, item in enumerate(items):
        hard = [one for one in found[item.id] if one.hard]
        if hard:
            words = " ".join(finding_words(one.code, dict(one.params), to_author=True) for one in hard)
            problems[f"items.{index}"] = [f"{_name(item)}: {words}"]
    if problems:
        raise Invalid("expense_claim.findings", "", problems)
    return found


def _name(item: ExpenseItem) -> str:
    return f"{KIND_WORDS[item.kind]} ¥{item.amount:,.2f} {item.spent_on.isoformat()}"


def _put_down(ctx: Context, claim: ExpenseClaim | None, note: str, total: Decimal) -> ExpenseClaim:
    if claim is None:
        claim = ExpenseClaim(
            id=ctx.id,
            number=_next_number(ctx, clock.local(ctx.now).date()),
            owner_id=ctx.actor.id,
            group_id=home_group(ctx.actor),
            state="draft",
            ver=0,
        )
        ctx.session.add(claim)
    claim.state = CLAIM.next(claim.state, "submit")
    claim.note, claim.total, claim.reason = note, total, None
    claim.submitted_at, claim.month = ctx.at, _month(ctx)
    claim.ver += 1
    ctx.session.flush()
    return claim


def _take_in(item: ExpenseItem, claim_id: str, found: Sequence[Finding]) -> None:
    item.state = ITEM.next(item.state, "claim")
    item.claim_id = claim_id
    item.warnings = [[one.code, dict(one.params)] for one in found]
    item.warned = len(found)
    item.ver += 1


def _hold_fapiao(ctx: Context, claim_id: str, items: Sequence[ExpenseItem]) -> None:
    """Take the fapiao of these expenses for the claim, in place of what it held before.

    Raises Invalid at the expense whose fapiao another claim holds.
    """
    holds.free(ctx, claim_id)
    taken = holds.take(ctx, claim_id, map(holds.fapiao_of, items))
    problems = {
        f"items.{index}": [f"{_name(item)}: {finding_words('fapiao_used', {'number': item.fapiao_number})}"]
        for index, item in enumerate(items)
        if holds.fapiao_of(item) in taken
    }
    if problems:
        raise Invalid("expense_claim.findings", "", problems)


def _let_go(ctx: Context, claim_id: str, states: Sequence[str], keep: Sequence[str] = ()) -> None:
    changes = {"state": "open", "claim_id": None, "warnings": None, "warned": 0, "ver": ExpenseItem.ver + 1}
    _change(ctx, claim_id, states, changes, keep)


def _change(
    ctx: Context, claim_id: str, states: Sequence[str], changes: dict[str, Any], keep: Sequence[str] = ()
) -> None:
    query = update(ExpenseItem).where(ExpenseItem.claim_id == claim_id, ExpenseItem.state.in_(states))
    if keep:
        query = query.where(ExpenseItem.id.not_in(keep))
    ctx.session.execute(query.values(**changes).execution_options(synchronize_session=False))


def _ask(ctx: Context, claim: ExpenseClaim, items: Sequence[ExpenseItem]) -> None:
    """The group's leader decides; for a leader's own claim, and without a group, the next one up (D-ROLE-1)."""
    open_case(
        ctx,
        (KIND, claim.id),
        requester_id=claim.owner_id,
        group_id=claim.group_id,
        ver=claim.ver,
        shown={"total": str(claim.total), "note": claim.note, "items": [_shown(item) for item in items]},
        amount=claim.total,
    )


def _shown(item: ExpenseItem) -> dict[str, Any]:
    """An expense as the approver sees it."""
    return {
        "id": item.id,
        "kind": item.kind,
        "amount": str(item.amount),
        "day": item.spent_on.isoformat(),
        "fapiao": item.fapiao_number,
        "receipts": item.receipts,
        "note": item.note,
    }


def _facts(claim: ExpenseClaim) -> dict[str, Any]:
    return {
        "number": claim.number,
        "state": claim.state,
        "total": str(claim.total),
        "month": claim.month,
        "note": claim.note,
        "reason": claim.reason,
    }


def _month(ctx: Context) -> str:
    return clock.local(ctx.now).strftime("%Y-%m")


def _next_number(ctx: Context, day: date) -> str:
    """`EC-261122-07`. Two at once: the unique index refuses the second, who is tried again."""
    prefix = f"EC-{day:%y%m%d}-"
    number = ExpenseClaim.number
    query = select(number).where(number >= prefix, number < f"{prefix}~")
    last = ctx.session.scalar(query.order_by(func.length(number).desc(), number.desc()).limit(1))
    return f"{prefix}{int(last.removeprefix(prefix)) + 1 if last else 1:02d}"
