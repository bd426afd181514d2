"""Limits of expenses, as settings an administrator can change (D-EXP-3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.kernel.settings import Column, Judged, JudgedRecords, SettingDef
from fieldapp.money.expenses.models import ExpenseClaim
from fieldapp.money.expenses.words import KIND_WORDS
from fieldapp.platform.extensions import db

#: What the expense form says of the settings.
SHOWN_SETTINGS = ("expenses.max_days", "expenses.receipt_needed_over", "expenses.limits")
#: Records that a correction lists at most.
MOST_JUDGED = 200

MAX_DAYS = SettingDef(
    "expenses.max_days", _l("Oldest expense that can be claimed"), 90, "D-EXP-3", unit=_l("days"), low=1, high=3650
)
RECEIPT = SettingDef(
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


LIMITS = SettingDef(
    "expenses.limits",
    _l("Pointed out above this amount (0: never)"),
    Decimal("0"),
    "D-EXP-13",
    unit=_l("yuan"),
    columns=(Column("kind", _l("Kind"), tuple(KIND_WORDS.items())),),
    rows={(kind,): Decimal(amount) for kind, amount in _USUAL.items()},
    formerly={f"expenses.limit_{kind}": (kind,) for kind in _USUAL},
)


def _claims(since: datetime, until: datetime) -> Iterator[Judged]:
    query = select(ExpenseClaim.number, ExpenseClaim.owner_id, ExpenseClaim.submitted_at)
    query = query.where(ExpenseClaim.submitted_at >= since, ExpenseClaim.submitted_at < until)
    for number, owner, written in db.session.execute(query.order_by(ExpenseClaim.submitted_at).limit(MOST_JUDGED)):
        yield Judged(str(number), owner, written)


JUDGED = JudgedRecords(SHOWN_SETTINGS, _claims)
