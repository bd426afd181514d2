"""Expenses and expense claims. Other features use only what is exported here."""

from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.money.expenses.policy import ALL_KINDS, CLAIM
from fieldapp.money.expenses.words import KIND_WORDS, claim_state, warning_words

__all__ = [
    "ALL_KINDS",
    "CLAIM",
    "KIND_WORDS",
    "ExpenseClaim",
    "ExpenseItem",
    "claim_state",
    "warning_words",
]
