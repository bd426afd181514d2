"""Erase the free text of expenses and claims; amounts, days and numbers of the books stay (D-AUD-4)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.platform.commandbus import Erasure


def erase_notes(session: Session, erasure: Erasure) -> tuple[tuple[str, str], ...]:
    """Blank the notes of erased expenses and claims."""
    for kind, record in erasure.records:
        if kind == "expense_item" and (item := session.get(ExpenseItem, record)):
            item.note = ""
        elif kind == "expense_claim" and (claim := session.get(ExpenseClaim, record)):
            claim.note = ""
    return ()
