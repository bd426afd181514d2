"""Figures of the rule book that parts requests obey."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.figures import Figure

leader_limit = Figure(
    "parts.leader_limit",
    _l("Items from this price go to purchasing and the general manager's office"),
    Decimal("500.00"),
    "D-PART-2",
    unit=_l("yuan"),
    low=Decimal("0.01"),
)
split_days = Figure(
    "parts.split_days",
    _l("Requests for the same job within these days are shown together"),
    7,
    "D-PART-2",
    unit=_l("days"),
    low=1,
    high=90,
)
