"""What expenses offer the house."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.offers import Entry, Offer, Panel
from fieldapp.money.expenses.demo import fill_money
from fieldapp.money.expenses.queries.lines import ClaimSummary, summaries
from fieldapp.money.expenses.queries.records import (
    correctable,
    lost_items,
    missing_receipts,
    sees_claim,
    sees_item,
    undecided,
    wrong_holds,
    wrong_totals,
)
from fieldapp.money.expenses.words import about_claim


def _pack(actor: Actor) -> Iterator[str]:
    if not actor.can("expense_item.capture"):
        return
    yield from ("/expenses", "/expenses/claims/new", "/expenses/new")
    for item in correctable(actor):
        yield f"/expenses/items/{item}"
        yield f"/expenses/items/{item}/edit"
    for claim, state in undecided(actor):
        yield f"/expenses/claims/{claim}"
        if state == "returned":
            yield f"/expenses/claims/{claim}/resubmit"


def _in_inbox(ids: Sequence[str]) -> dict[str, Panel]:
    return {one: _panel(found) for one, found in summaries(ids).items()}


def _panel(found: ClaimSummary) -> Panel:
    return Panel(
        "money/expenses/_inbox.html", {"found": found}, about=lambda who: about_claim(who, Decimal(found.claim.total))
    )


_READ = ("expense_item.view", "expense_claim.view")
#: What anybody may do who spends money of their own on work.
_AUTHOR = (
    *_READ,
    "expense_item.capture",
    "expense_item.resubmit",
    "expense_item.discard",
    "expense_claim.submit",
    "expense_claim.withdraw",
)
_DECIDE = ("expense_claim.approve", "expense_claim.return", "expense_claim.reject")

offer = Offer(
    grants={
        **dict.fromkeys(("technician", "finance"), _AUTHOR),
        **dict.fromkeys(("leader", "manager", "executive"), (*_AUTHOR, *_DECIDE)),
        "quality": _READ,
    },
    tiles=(
        Entry(
            "expense",
            _l("Expense"),
            "/expenses/new",
            "expense_item.capture",
            order=10,
            icon="money",
            hint=_l("Photo, amount, kind"),
        ),
    ),
    links=(Entry("expenses", _l("My expenses"), "/expenses", "expense_item.capture", order=10, icon="money"),),
    pack=_pack,
    sees={"expense_item": sees_item, "expense_claim": sees_claim},
    places={"expense_claim": "/expenses/claims/"},
    own_places={"expense_item": "/expenses/items/"},
    inbox={"expense_claim": _in_inbox},
    checks=(wrong_totals, wrong_holds, lost_items, missing_receipts),
    demo=fill_money,
    demo_order=50,
)
