"""Approvals for all features: chain, decisions, inbox (D-ROLE-1, D-PART-2, D-EXP-5).

A feature opens a case with `open_case`, and declares its decision commands with `decision`.
"""

from fieldapp.services.approvals.cases import close_case, open_case
from fieldapp.services.approvals.decisions import Subject, decision, seen_json
from fieldapp.services.approvals.extension_points import INBOX_CARDS, INBOX_COUNTS, INBOX_SECTIONS
from fieldapp.services.approvals.policy import Detail
from fieldapp.services.approvals.queries import (
    Returned,
    case_for,
    cases_of,
    decider_text,
    history_of,
    last_returns,
    may_decide_now,
    people_in,
)

__all__ = [
    "INBOX_CARDS",
    "INBOX_COUNTS",
    "INBOX_SECTIONS",
    "Detail",
    "Returned",
    "Subject",
    "case_for",
    "cases_of",
    "close_case",
    "decider_text",
    "decision",
    "history_of",
    "last_returns",
    "may_decide_now",
    "open_case",
    "people_in",
    "seen_json",
]
