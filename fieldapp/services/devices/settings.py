"""How much one person's phones may bring about, as settings an administrator can change.

They protect the server and judge no record, so a change may hold at once.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.settings import SettingDef

NEW_PHONES = SettingDef(
    "devices.new_a_day",
    _l("New phones and browsers of one person in a day"),
    20,
    "D-CASH-2",
    low=3,
    high=1000,
    at_once=True,
)
LOSSES_TOLD = SettingDef(
    "devices.losses_told",
    _l("Phones of one person whose missing records are told one by one"),
    5,
    "D-CASH-2",
    low=1,
    high=1000,
    at_once=True,
)
TOLD_A_DAY = SettingDef(
    "devices.told_a_day",
    _l("Lines of one kind about the phones of one person in a day"),
    5,
    "D-CASH-2",
    low=1,
    high=1000,
    at_once=True,
)
