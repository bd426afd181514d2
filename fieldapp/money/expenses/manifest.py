"""The manifest of expenses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import FeatureManifest, Panel
from fieldapp.money.expenses.demo import fill_money
from fieldapp.money.expenses.erasing import erase_notes
from fieldapp.money.expenses.queries.lines import ClaimSummary, summaries
from fieldapp.money.expenses.queries.records import (
    CLAIMS,
    ITEMS,
    correctable,
    lost_items,
    missing_receipts,
    undecided,
    wrong_holds,
    wrong_totals,
)
from fieldapp.money.expenses.words import about_claim
from fieldapp.platform.audit import FACT_NAMES
from fieldapp.platform.commandbus import ERASERS
from fieldapp.platform.extensions import CHECKS, DEMO
from fieldapp.platform.web.extension_points import AUTHOR_URLS, CAN_VIEW, DETAIL_URLS, LINKS, PACK, TILES, Entry
from fieldapp.services.approvals import INBOX_CARDS


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

manifest = FeatureManifest(
    grants={
        **dict.fromkeys(("technician", "finance"), _AUTHOR),
        **dict.fromkeys(("leader", "manager", "executive"), (*_AUTHOR, *_DECIDE)),
        "quality": _READ,
    },
    provides=(
        FACT_NAMES.by("expense_item", frozenset({"amount", "spent_on", "job_id", "fapiao", "receipts"})),
        FACT_NAMES.by("expense_claim", frozenset({"month", "items"})),
        TILES.by(
            Entry(
                "expense",
                _l("Expense"),
                "/expenses/new",
                "expense_item.capture",
                order=10,
                icon="money",
                hint=_l("Photo, amount, kind"),
            )
        ),
        LINKS.by(Entry("expenses", _l("My expenses"), "/expenses", "expense_item.capture", order=10, icon="money")),
        PACK.by(_pack),
        CAN_VIEW.by("expense_item", ITEMS.sees),
        CAN_VIEW.by("expense_claim", CLAIMS.sees),
        DETAIL_URLS.by("expense_claim", "/expenses/claims/"),
        AUTHOR_URLS.by("expense_item", "/expenses/items/"),
        INBOX_CARDS.by("expense_claim", _in_inbox),
        ERASERS.by(erase_notes),
        CHECKS.by(wrong_totals),
        CHECKS.by(wrong_holds),
        CHECKS.by(lost_items),
        CHECKS.by(missing_receipts),
        DEMO.by(fill_money, order=50),
    ),
)
