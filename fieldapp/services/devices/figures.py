"""Settings: limits on what one person's phones may cause."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.figures import Figure

NEW_PHONES = Figure(
    "devices.new_a_day", _l("New phones and browsers of one person in a day"), 20, "D-CASH-2", low=3, high=1000
)
LOSSES_TOLD = Figure(
    "devices.losses_told",
    _l("Phones of one person whose missing records are told one by one"),
    5,
    "D-CASH-2",
    low=1,
    high=1000,
)
TOLD_A_DAY = Figure(
    "devices.told_a_day",
    _l("Lines of one kind about the phones of one person in a day"),
    5,
    "D-CASH-2",
    low=1,
    high=1000,
)
