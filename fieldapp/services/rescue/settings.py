"""Limits of rescue files, as settings an administrator can change.

They protect the server and judge no record, so a change may hold at once.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.settings import SettingDef

MAX_FILE = SettingDef(
    "rescue.max_megabytes", _l("Largest rescue file, also unpacked"), 100, "D-AUD-1", "MB", 1, 120, at_once=True
)
MAX_RECORDS = SettingDef(
    "rescue.max_records", _l("Most records in a rescue file"), 1000, "D-AUD-1", low=1, high=5000, at_once=True
)
KEEP_DAYS = SettingDef(
    "rescue.keep_days", _l("How long an uploaded rescue file is kept"), 30, "D-AUD-1", _l("days"), 1, 730, at_once=True
)
