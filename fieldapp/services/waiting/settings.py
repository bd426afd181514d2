"""Setting: days until a person decides."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.settings import SettingDef

DAYS = SettingDef(
    "waiting.days", _l("Days a record waits for another before a person decides"), 5, "D-JOB-10", unit=_l("days"), low=1
)
