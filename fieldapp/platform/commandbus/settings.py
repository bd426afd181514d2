"""How much of one person's refused records is stored, as settings an administrator can change.

They protect the server and judge no record, so a change may hold at once.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.settings import SettingDef

REFUSED_RECORDS = SettingDef(
    "records.refused_a_day",
    _l("Refused records of one person that are stored in a day"),
    1000,
    "D-AUD-1",
    low=100,
    high=1_000_000,
    at_once=True,
)
REFUSED_SIZE = SettingDef(
    "records.refused_megabytes_a_day",
    _l("Size of the refused records of one person that are stored in a day"),
    20,
    "D-AUD-1",
    unit="MB",
    low=2,
    high=100_000,
    at_once=True,
)
