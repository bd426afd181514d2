"""Pages of expenses: capture, own expenses and claims, one expense, one claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.field.jobs import my_job_choices
from fieldapp.kernel import clock, ids, money
from fieldapp.money.expenses.lists import LIST
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.money.expenses.policy import CLAIM, COMMON_KIND_COUNT, FREE, ITEM, NEEDS_TRIP, fapiao_state
from fieldapp.money.expenses.queries.checks import limits
from fieldapp.money.expenses.queries.lines import detach, holder, items_of_claims, lines_of
from fieldapp.money.expenses.queries.records import CLAIMS, ITEMS, SHOWN, free_items
from fieldapp.money.expenses.settings import SHOWN_SETTINGS
from fieldapp.money.expenses.words import KIND_WORDS, about_claim, claim_state
from fieldapp.platform.web import inputs
from fieldapp.platform.web.forms import FormPage, form_page, redrawn
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.page import day
from fieldapp.platform.web.render import render
from fieldapp.services.accounts import names_of
from fieldapp.services.approvals import decider_text, history_of, may_decide_now, people_in, seen_json
from fieldapp.services.settings import applied, value

bp = Blueprint("expenses", __name__)


@bp.get("/expenses")
@needs("expense_item.view")
def mine() -> Response:
    """My expenses that are not claimed yet, and my claims with who holds them (D-EXP-9)."""
    free = free_items(actor())
    return render(
        "money/expenses/mine.html",
        fragment="money/expenses/_expenses.html",
        lines=lines_of(free[:SHOWN]),
        more=len(free) > SHOWN,
        together=_sum(free[:SHOWN]),
        free=_free_facts(free[:SHOWN]),
        page=LIST.page(actor()),
    )


@bp.route("/expenses/new", methods=["GET", "POST"])
@needs("expense_item.capture")
def new() -> Response:
    """Show the capture form: photo, amount and kind are enough (D-EXP-1)."""
    job = inputs.query_id("job")
    return form_page(
        FormPage(
            kind="expense_item.capture",
            agg=("expense_item", None),
            title=_l("New expense"),
            done="/expenses",
            back="/expenses",
            draft="expense_item:new",
            record_title=gettext("Expense · {kind} ¥{amount}"),
            submit=_l("Save the expense"),
            initial={"job_id": job} if ids.is_uuid(job) else {},
            options={"job_id": my_job_choices(actor())},
            template="money/expenses/new.html",
            context=_form_context(),
        )
    )


@bp.get("/expenses/items/<uuid:item_id>")
@needs("expense_item.view")
def item(item_id: UUID) -> Response:
    """Show an expense with its receipts."""
    expense = ITEMS.load(actor(), str(item_id))
    line = lines_of([expense])[0]
    own = expense.owner_id == actor().id
    return render(
        "money/expenses/item.html",
        fragment="money/expenses/_item.html",
        line=line,
        owner=names_of([expense.owner_id]).get(expense.owner_id, ""),
        life=fapiao_state(expense.fapiao_number, expense.state),
        may_correct=own and expense.state in FREE and expense.kind != "per_diem",
        may_discard=own and (expense.state, "discard") in ITEM.moves,
    )


@bp.route("/expenses/items/<uuid:item_id>/edit", methods=["GET", "POST"])
@needs("expense_item.resubmit")
def edit(item_id: UUID) -> Response:
    """Show the correction form of the actor's own expense."""
    expense = _own_item(item_id)
    names = ("amount", "kind", "spent_on", "note", "job_id", "fapiao_number", "fapiao_code", "fapiao_amount")
    choices = my_job_choices(actor())
    line = lines_of([expense])[0]
    if line.job and line.job.id not in dict(choices):
        choices.append((line.job.id, line.job.words))
    return form_page(
        FormPage(
            kind="expense_item.resubmit",
            agg=("expense_item", expense.id),
            title=_l("Correct the expense"),
            done=f"/expenses/items/{expense.id}",
            back=f"/expenses/items/{expense.id}",
            draft=f"expense_item.resubmit:{expense.id}",
            knows=f"expense_item:{expense.id}",
            record_title=gettext("Expense corrected · {kind} ¥{amount}"),
            submit=_l("Save the correction"),
            initial={name: getattr(expense, name) for name in names},
            options={"job_id": choices},
            template="money/expenses/new.html",
            context={**_form_context(), "line": line},
        )
    )


@bp.post("/expenses/items/<uuid:item_id>/discard")
@needs("expense_item.discard")
def discard(item_id: UUID) -> Response:
    """Discard an expense, without JavaScript."""
    expense = _own_item(item_id)
    agg = ("expense_item", expense.id)
    return form_page(FormPage("expense_item.discard", agg, _l("Discard the expense"), "/expenses", back="/expenses"))


@bp.route("/expenses/claims/new", methods=["GET", "POST"])
@needs("expense_claim.submit")
def new_claim() -> Response:
    """Show the form of a claim with all free expenses ticked. Offline it includes unsent expenses."""
    items = free_items(actor())[:SHOWN]
    return _claim_form(items, {item.id for item in items}, None)


@bp.route("/expenses/claims/<uuid:claim_id>/resubmit", methods=["GET", "POST"])
@needs("expense_claim.submit")
def resubmit(claim_id: UUID) -> Response:
    """Show the form of a returned claim."""
    claim = _own_claim(claim_id)
    items = free_items(actor(), claim.id)[:SHOWN]
    return _claim_form(items, {item.id for item in items if item.claim_id == claim.id}, claim)


@bp.get("/expenses/claims/<uuid:claim_id>")
@needs("expense_claim.view")
def claim(claim_id: UUID) -> Response:
    """Show a claim: expenses with receipts and findings, decisions, and who has to act (D-EXP-9)."""
    record = CLAIMS.load(actor(), str(claim_id))
    rounds = history_of("expense_claim", record.id)
    latest = rounds[-1][0] if rounds else None
    names = names_of({record.owner_id} | people_in(rounds))
    own = record.owner_id == actor().id
    return render(
        "money/expenses/claim.html",
        fragment="money/expenses/_claim.html",
        claim=record,
        owner=names.get(record.owner_id, ""),
        about=about_claim(names.get(record.owner_id, ""), record.total),
        shown=claim_state(record.state),
        lines=lines_of(items_of_claims([record.id]).get(record.id, [])),
        events=_events(rounds, names),
        holder=holder(record.state, latest),
        own=own,
        may_decide=may_decide_now(actor(), latest) and actor().can("expense_claim.approve"),
        seen_json=seen_json(latest, rounds[-1][1]) if rounds else "",
        may_withdraw=own and (record.state, "withdraw") in CLAIM.moves,
        may_resubmit=own and (record.state, "submit") in CLAIM.moves,
    )


@bp.post("/expenses/claims/<uuid:claim_id>/withdraw")
@needs("expense_claim.withdraw")
def withdraw(claim_id: UUID) -> Response:
    """Withdraw a claim, without JavaScript."""
    record = _own_claim(claim_id)
    agg = ("expense_claim", record.id)
    return form_page(FormPage("expense_claim.withdraw", agg, _l("Take the claim back"), "/expenses", back="/expenses"))


@dataclass(frozen=True)
class Event:
    """An event in a claim's history."""

    at: datetime
    verdict: str
    who: str
    reason: str | None = None


def _events(rounds: Sequence[Any], names: dict[int, str]) -> list[Event]:
    events = []
    for case, steps in rounds:
        events.append(
            Event(case.opened_at, "sent" if case.round == 1 else "sent_again", names.get(case.requester_id, ""))
        )
        events += [
            Event(step.decided_at, step.state, decider_text(step, names), step.reason)
            for step in steps
            if step.decided_at
        ]
        if case.state == "withdrawn":
            events.append(Event(case.closed_at, "withdrawn", names.get(case.requester_id, "")))
    return events


def _claim_form(items: Sequence[ExpenseItem], chosen: set[str], claim: ExpenseClaim | None) -> Response:
    detach([claim] if claim else [])
    if request.method == "POST":
        chosen = set(inputs.posted_ids("items[]", count=100))
    agg = ("expense_claim", claim.id if claim else None)
    page = FormPage(
        kind="expense_claim.submit",
        agg=agg,
        title=_l("Send the claim again") if claim else _l("New claim"),
        done="/expenses",
        back=f"/expenses/claims/{claim.id}" if claim else "/expenses",
        record_title=gettext("Expense claim"),
        initial={"note": claim.note} if claim else {},
        template="money/expenses/claim_new.html",
        knows=f"free expense_claim:{claim.id}" if claim else "free",
        context={
            "claim": claim,
            "lines": lines_of(items),
            "chosen": chosen,
            "together": _sum([item for item in items if item.id in chosen]),
            "limits": limits(clock.now()),
            "needs_trip": NEEDS_TRIP,
            "free": _free_facts(items),
        },
    )
    # Without JavaScript the server computes the new total.
    return redrawn(page) if inputs.posted("_add_up") else form_page(page)


def _free_facts(items: Sequence[ExpenseItem]) -> list[dict[str, str]]:
    """Return what the claim form on a phone needs of each free expense (ADR 28)."""
    return [
        {
            "id": item.id,
            "title": str(KIND_WORDS[item.kind]),
            "amount": money.show(item.amount),
            "about": f"{day(item.spent_on)} · {item.note}" if item.note else day(item.spent_on),
        }
        for item in items
        if item.state == "open"
    ]


def _form_context() -> dict[str, Any]:
    today, days = clock.today(), int(value("expenses.max_days", clock.now()))
    return {
        "common": COMMON_KIND_COUNT,
        "max_days": days,
        "oldest": (today - timedelta(days=days)).isoformat(),
        "latest": today.isoformat(),
        "applies": applied(SHOWN_SETTINGS, clock.now()),
    }


def _sum(items: Sequence[ExpenseItem]) -> Decimal:
    return sum((item.amount for item in items), Decimal(0))


def _own_item(item_id: UUID) -> ExpenseItem:
    expense = ITEMS.load(actor(), str(item_id))
    if expense.owner_id != actor().id:
        raise NotFound("expense_item.not_found")
    return expense


def _own_claim(claim_id: UUID) -> ExpenseClaim:
    record = CLAIMS.load(actor(), str(claim_id))
    if record.owner_id != actor().id:
        raise NotFound("expense_claim.not_found")
    return record
