"""The list of a person's own claims with who holds each of them (D-EXP-9)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.money.expenses.models import ExpenseClaim
from fieldapp.money.expenses.policy import CLAIM
from fieldapp.money.expenses.queries.lines import CLAIM_ROW, claim_lines
from fieldapp.platform.web.lists import Col, Key, ListDef, Sort


def _base(actor: Actor) -> Select[Any]:
    query: Select[Any] = select(*CLAIM_ROW).where(ExpenseClaim.owner_id == actor.id)
    return query


LIST = ListDef(
    name="claims",
    title=_l("My claims"),
    address="/expenses",
    verb="expense_item.view",
    base=_base,
    complete=lambda rows, actor: claim_lines(rows),
    columns=(
        Col("total", _l("Total"), "money", card="title"),
        Col("state", _l("State"), "state", states=CLAIM),
        Col("number", _l("Claim number"), "name", width=16),
        Col(
            "since",
            _l("Since"),
            "day",
            lambda row: clock.local(row.since).date() if row.since else None,
        ),
        Col("reason", _l("Reason"), width=30),
    ),
    sorts=(Sort("newest", _l("Newest first"), (Key(ExpenseClaim.submitted_at, True), Key(ExpenseClaim.id, True))),),
    cells="money/expenses/_cells.html",
    nothing=_l("No claims so far."),
    nothing_fits=_l("No claims so far."),
    icon="money",
    size=20,
    body_id="my-claims",
    row_attrs=lambda row: {"id": f"claim-{row.id}", "data-ahead": "expense_claim.withdraw"},
)
