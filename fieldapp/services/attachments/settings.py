"""Limits of files, as settings an administrator can change.

They protect the server and judge no record, so a change may hold at once.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.settings import SettingDef

MAX_FILE = SettingDef(
    "attachments.max_megabytes", _l("Largest photo or file"), 25, "D-EXP-1", unit="MB", low=1, high=100, at_once=True
)
MAX_UNCLAIMED = SettingDef(
    "attachments.max_unclaimed",
    _l("Files of one person that no record names yet"),
    200,
    "D-EXP-1",
    low=20,
    high=100_000,
    at_once=True,
)
MAX_UNCLAIMED_SIZE = SettingDef(
    "attachments.max_unclaimed_megabytes",
    _l("Size of the files of one person that no record names yet"),
    1000,
    "D-EXP-1",
    unit="MB",
    low=100,
    high=1_000_000,
    at_once=True,
)
