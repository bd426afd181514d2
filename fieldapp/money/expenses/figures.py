"""Limits of expenses, as figures an administrator can change (D-EXP-3)."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.figures import Figure
from fieldapp.money.expenses.words import KIND_WORDS

MAX_DAYS = Figure(
    "expenses.max_days", _l("Oldest expense that can be claimed"), 90, "D-EXP-3", unit=_l("days"), low=1, high=3650
)
RECEIPT = Figure(
    "expenses.receipt_needed_over",
    _l("Above this amount an expense cannot be claimed without a receipt (0: it is only pointed out)"),
    Decimal("0"),
    "D-EXP-3",
    unit=_l("yuan"),
)

_USUAL = {
    "local_transport": "50",
    "long_distance": "500",
    "taxi": "100",
    "parking": "50",
    "parts": "500",
    "lodging": "300",
    "fuel": "500",
    "toll": "300",
    "postage": "100",
    "other": "200",
}


def _limit(kind: str) -> Figure:
    words = _l("Pointed out above this amount (0: never): %(kind)s", kind=KIND_WORDS[kind])
    return Figure(f"expenses.limit_{kind}", words, Decimal(_USUAL[kind]), "D-EXP-3", unit=_l("yuan"))


LIMIT_LOCAL_TRANSPORT = _limit("local_transport")
LIMIT_LONG_DISTANCE = _limit("long_distance")
LIMIT_TAXI = _limit("taxi")
LIMIT_PARKING = _limit("parking")
LIMIT_PARTS = _limit("parts")
LIMIT_LODGING = _limit("lodging")
LIMIT_FUEL = _limit("fuel")
LIMIT_TOLL = _limit("toll")
LIMIT_POSTAGE = _limit("postage")
LIMIT_OTHER = _limit("other")
