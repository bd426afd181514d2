"""The reimbursement list: every item of every claim that was sent, for the page and both files (D-EXP-6)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Row

from fieldapp.kernel import clock
from fieldapp.money.expenses import CLAIM, KIND_WORDS, ExpenseClaim, ExpenseItem, warning_words
from fieldapp.money.reimbursement.queries import filters, rows_query
from fieldapp.platform.web.lists import Col, Key, ListDef, Sort


def is_exception(row: Row[Any]) -> bool:
    """Return whether somebody should look at an item: it has remarks, or less was allowed than claimed."""
    return bool(row.warnings) or (row.allowed_amount is not None and row.allowed_amount != row.amount)


def _remarks(row: Any) -> str:
    return " ".join(warning_words(row.warnings))


def _claim_url(row: Any) -> str:
    return f"/expenses/claims/{row.claim}"


LIST = ListDef(
    name="reimbursement",
    title=_l("Reimbursement list"),
    address="/reimbursements",
    verb="reimbursement.view",
    export_verb="reimbursement.export",
    base=lambda actor: rows_query(),
    filters=lambda actor: filters(),
    columns=(
        Col("number", _l("Claim number"), "link", url=_claim_url, width=16),
        Col("person", _l("Person"), "name", width=12, card="title"),
        Col("group", _l("Group"), "name", width=12, export="only"),
        Col("spent_on", _l("Day"), "day", width=11),
        Col("kind", _l("Kind"), "name", lambda row: str(KIND_WORDS[row.kind]), width=16),
        Col("amount", _l("Claimed"), "money", width=11, total=True),
        Col("allowed_amount", _l("Allowed"), "money", width=11, total=True),
        Col("cut_reason", _l("Reason for the cut"), width=18, export="only"),
        Col("job", _l("Job number"), "name"),
        Col("note", _l("Note"), width=30),
        Col("fapiao_code", _l("Fapiao code"), export="only"),
        Col("fapiao_number", _l("Fapiao number"), width=24),
        Col("fapiao_amount", _l("Amount on the fapiao"), "money", width=11, export="only"),
        Col("receipts", _l("Receipts"), "number", width=8),
        Col("remarks", _l("Remarks"), value=_remarks, width=40),
        Col("state", _l("State"), "state", states=CLAIM, width=12, export="only"),
        Col(
            "approved_on",
            _l("Approved on"),
            "day",
            lambda row: clock.local(row.approved_at).date() if row.approved_at else None,
            width=11,
            export="only",
        ),
    ),
    sorts=(
        Sort("newest", _l("Newest claim first"), (Key(ExpenseClaim.id, True), Key(ExpenseItem.id, True))),
        Sort("amount", _l("Largest amount first"), (Key(ExpenseItem.amount, True), Key(ExpenseItem.id))),
        Sort("day", _l("By day"), (Key(ExpenseItem.spent_on), Key(ExpenseItem.id))),
    ),
    export_sort=Sort("person", "", (Key(ExpenseClaim.owner_id), Key(ExpenseItem.spent_on), Key(ExpenseItem.id))),
    cells="money/reimbursement/_cells.html",
    nothing=_l("Nothing was claimed for this choice."),
    nothing_fits=_l("Nothing was claimed for this choice."),
    icon="money",
)
