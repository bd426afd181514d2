"""Commands of claims: submit, withdraw, and the leader's decisions (D-EXP-3, D-EXP-5, D-EXP-8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select, update

from fieldapp.errors import Conflict, Invalid
from fieldapp.kernel import clock, money
from fieldapp.kernel.policies import author_only, author_or_new
from fieldapp.money.expenses.commands import holds
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.money.expenses.policy import CLAIM, FREE, ITEM, Finding, findings, home_group
from fieldapp.money.expenses.queries.checks import facts_of_items, limits, other_items
from fieldapp.money.expenses.schemas import Claim, NoData
from fieldapp.money.expenses.words import KIND_WORDS, finding_words
from fieldapp.platform.commandbus import UNDO, Context, Effect, Numbers, command, new_id, record, record_or_none
from fieldapp.services.approvals import Detail, Subject, close_case, decision, open_case

KIND = "expense_claim"
#: `EC-261122-07` is the seventh claim of the day.
CLAIM_NUMBERS = Numbers("EC", lambda: ExpenseClaim.number)


@command(
    "expense_claim.submit",
    label=_l("Send the claim"),
    schema=Claim,
    may=author_or_new("owner_id"),
    load=record_or_none(ExpenseClaim),
    own_work=True,
)
def submit(ctx: Context, claim: ExpenseClaim | None, data: dict[str, Any]) -> Effect:
    """Submit the actor's free expenses for approval; a returned claim is submitted again with its new content.

    The server computes the total. Hard findings of D-EXP-3 refuse the claim with a message at the item, soft ones
    are shown to the approver.
    """
    new_id(ctx, data)
    if claim is not None and (claim.state, "submit") not in CLAIM.moves:
        raise Conflict("record.exists", _l("This claim was already received."), {"state": claim.state})
    before = None if claim is None else _audit_values(claim)
    chosen = list(dict.fromkeys(data["items"]))
    items = _own_free_items(ctx, chosen)
    item_findings = _check_items(ctx, items)
    claim = _save_claim(ctx, claim, data.get("note", ""), sum((item.amount for item in items), Decimal(0)))
    _release_items(ctx, claim.id, ("returned",), keep=chosen)
    for item in items:
        _attach_item(item, claim.id, item_findings[item.id])
    ctx.session.flush()
    _hold_fapiao(ctx, claim.id, items)
    _open_approval(ctx, claim, items)
    return Effect(ref=claim.number, ver=claim.ver, before=before, after={**_audit_values(claim), "items": chosen})


@command(
    "expense_claim.withdraw",
    label=_l("Take the claim back"),
    schema=NoData,
    may=author_only("owner_id"),
    load=record(ExpenseClaim),
    undo=UNDO,
    own_work=True,
)
def withdraw(ctx: Context, claim: ExpenseClaim, data: dict[str, Any]) -> Effect:
    """Withdraw an undecided claim: its expenses and their fapiao become free."""
    if claim.state == "withdrawn":
        return Effect(ref=claim.number, ver=claim.ver, before=_audit_values(claim), after=_audit_values(claim))
    if (claim.state, "withdraw") not in CLAIM.moves:
        raise Conflict("expense_claim.decided", _l("This was already decided."), {"state": claim.state})
    before = _audit_values(claim)
    close_case(ctx, (KIND, claim.id))
    claim.state = CLAIM.next(claim.state, "withdraw")
    claim.ver += 1
    _release_items(ctx, claim.id, ("claimed", "returned"))
    holds.release(ctx, claim.id)
    return Effect(ref=claim.number, ver=claim.ver, before=before, after=_audit_values(claim))


def on_decided(ctx: Context, record_id: str, verdict: str, reason: str | None) -> Effect:
    """Apply the leader's decision to the claim and its expenses, and notify the author.

    An approved claim belongs to the list of the month of its approval (D-EXP-6).
    """
    claim = ctx.load(ExpenseClaim, record_id)
    before = _audit_values(claim)
    claim.state = CLAIM.next(claim.state, verdict)
    claim.reason = reason
    claim.ver += 1
    changes: dict[str, Any] = {"state": ITEM.next("claimed", verdict), "ver": ExpenseItem.ver + 1}
    if verdict == "approved":
        # The server's clock: an approval made offline must not add lines to a list that was downloaded before.
        claim.approved_at, claim.month = ctx.now, _month(ctx)
        changes["allowed_amount"] = ExpenseItem.amount
    elif verdict == "rejected":
        changes |= {"allowed_amount": Decimal(0), "cut_reason": reason}
        holds.release(ctx, claim.id)
    _update_items(ctx, claim.id, ("claimed",), changes)
    verb = {"approved": "approve", "returned": "return", "rejected": "reject"}[verdict]
    params = {"number": claim.number, "amount": money.show(claim.total), "reason": reason or "", "who": ctx.actor.name}
    ctx.notify(claim.owner_id, f"{KIND}.{verb}", f"/expenses/claims/{claim.id}", **params)
    return Effect(ref=claim.number, ver=claim.ver, before=before, after=_audit_values(claim))


def details(shown: Mapping[str, Any]) -> list[Detail]:
    """Return a claim's total, note and expenses as labelled texts."""
    rows = [Detail(f"item:{item['id']}", gettext("Expense"), _item_text(item)) for item in shown["items"]]
    return [
        Detail("total", gettext("Amount"), f"{Decimal(shown['total']):,.2f}"),
        Detail("note", gettext("Note to the approver"), shown["note"]),
        *rows,
    ]


def _item_text(item: Mapping[str, Any]) -> str:
    parts = [f"{KIND_WORDS[item['kind']]} ¥{Decimal(item['amount']):,.2f}", item["day"]]
    if item["fapiao"]:
        parts.append(gettext("fapiao %(number)s", number=item["fapiao"]))
    parts.append(ngettext("%(num)s receipt", "%(num)s receipts", item["receipts"]))
    return " · ".join([*parts, *([item["note"]] if item["note"] else [])])


SUBJECT = Subject(KIND, on_decided, details)
approve = decision(SUBJECT, "approve")
send_back = decision(SUBJECT, "return")
reject = decision(SUBJECT, "reject")


def _own_free_items(ctx: Context, chosen: Sequence[str]) -> list[ExpenseItem]:
    """Return the chosen expenses, locked. Raise Invalid at each one that is not the author's or not free.

    Expenses of a returned claim are free for that claim only.
    """
    query = select(ExpenseItem).where(ExpenseItem.id.in_(chosen)).order_by(ExpenseItem.id).with_for_update()
    by_id: dict[str, ExpenseItem] = {item.id: item for item in ctx.scalars(query)}
    problems: dict[str, list[Any]] = {}
    for index, item_id in enumerate(chosen):
        item = by_id.get(item_id)
        if item is None or item.owner_id != ctx.actor.id:
            problems[f"items.{index}"] = [_l("One of the expenses is not here yet, or is not yours.")]
        elif item.state not in FREE:
            problems[f"items.{index}"] = [f"{_item_label(item)}: {_l('This expense is already in a claim.')}"]
        elif item.claim_id not in (None, ctx.id):
            message = _l("This expense belongs to a claim that was returned. Correct that claim and send it again.")
            problems[f"items.{index}"] = [f"{_item_label(item)}: {message}"]
    if problems:
        raise Invalid("expense_claim.items", "", problems)
    return [by_id[item_id] for item_id in chosen]


def _check_items(ctx: Context, items: Sequence[ExpenseItem]) -> dict[str, list[Finding]]:
    facts = facts_of_items(items)
    # The day of writing counts: waiting for signal makes no expense too old.
    item_findings = findings(facts, other_items(facts, ctx.actor.id, ctx.id), limits(ctx.at), ctx.day_of_age)
    problems = {}
    for index, item in enumerate(items):
        hard = [finding for finding in item_findings[item.id] if finding.hard]
        if hard:
            text = " ".join(finding_words(finding.code, dict(finding.params), to_author=True) for finding in hard)
            problems[f"items.{index}"] = [f"{_item_label(item)}: {text}"]
    if problems:
        raise Invalid("expense_claim.findings", "", problems)
    return item_findings


def _item_label(item: ExpenseItem) -> str:
    return f"{KIND_WORDS[item.kind]} ¥{item.amount:,.2f} {item.spent_on.isoformat()}"


def _save_claim(ctx: Context, claim: ExpenseClaim | None, note: str, total: Decimal) -> ExpenseClaim:
    if claim is None:
        claim = ExpenseClaim(
            id=ctx.id,
            number=CLAIM_NUMBERS.next(ctx.session, clock.local(ctx.now).date()),
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


def _attach_item(item: ExpenseItem, claim_id: str, item_findings: Sequence[Finding]) -> None:
    item.state = ITEM.next(item.state, "claim")
    item.claim_id = claim_id
    item.warnings = [[finding.code, dict(finding.params)] for finding in item_findings]
    item.warned = len(item_findings)
    item.ver += 1


def _hold_fapiao(ctx: Context, claim_id: str, items: Sequence[ExpenseItem]) -> None:
    """Hold the fapiao of these expenses for the claim, instead of those it held before.

    Raise Invalid at each expense whose fapiao another claim holds.
    """
    holds.release(ctx, claim_id)
    taken = holds.hold(ctx, claim_id, map(holds.fapiao_of, items))
    problems = {
        f"items.{index}": [f"{_item_label(item)}: {finding_words('fapiao_used', {'number': item.fapiao_number})}"]
        for index, item in enumerate(items)
        if holds.fapiao_of(item) in taken
    }
    if problems:
        raise Invalid("expense_claim.findings", "", problems)


def _release_items(ctx: Context, claim_id: str, states: Sequence[str], keep: Sequence[str] = ()) -> None:
    changes = {"state": "open", "claim_id": None, "warnings": None, "warned": 0, "ver": ExpenseItem.ver + 1}
    _update_items(ctx, claim_id, states, changes, keep)


def _update_items(
    ctx: Context, claim_id: str, states: Sequence[str], changes: dict[str, Any], keep: Sequence[str] = ()
) -> None:
    query = update(ExpenseItem).where(ExpenseItem.claim_id == claim_id, ExpenseItem.state.in_(states))
    if keep:
        query = query.where(ExpenseItem.id.not_in(keep))
    ctx.session.execute(query.values(**changes).execution_options(synchronize_session=False))


def _open_approval(ctx: Context, claim: ExpenseClaim, items: Sequence[ExpenseItem]) -> None:
    """Open the case for the group's leader. A leader's claim, or one without a group, goes one level up (D-ROLE-1)."""
    open_case(
        ctx,
        (KIND, claim.id),
        requester_id=claim.owner_id,
        group_id=claim.group_id,
        ver=claim.ver,
        shown={"total": str(claim.total), "note": claim.note, "items": [_item_content(item) for item in items]},
        amount=claim.total,
    )


def _item_content(item: ExpenseItem) -> dict[str, Any]:
    """Return an expense as the approver sees it."""
    return {
        "id": item.id,
        "kind": item.kind,
        "amount": str(item.amount),
        "day": item.spent_on.isoformat(),
        "fapiao": item.fapiao_number,
        "receipts": item.receipts,
        "note": item.note,
    }


def _audit_values(claim: ExpenseClaim) -> dict[str, Any]:
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
