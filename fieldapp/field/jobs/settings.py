"""Settings of jobs and visits that an administrator can change."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.settings import SettingDef

ARRIVAL_RADIUS = SettingDef(
    "jobs.arrival_radius", _l("At the site: within"), 300, "D-JOB-5", unit=_l("m"), low=20, high=10_000
)
DAY_STARTS = SettingDef(
    "jobs.day_starts", _l("Visits are planned from (hour)"), 9, "D-JOB-1", unit=_l("o'clock"), low=0, high=23
)
DAY_ENDS = SettingDef(
    "jobs.day_ends", _l("Visits are planned until (hour)"), 18, "D-JOB-1", unit=_l("o'clock"), low=1, high=24
)
PLANNED_MINUTES = SettingDef(
    "jobs.planned_minutes", _l("Minutes planned for a visit"), 60, "D-JOB-1", unit=_l("min"), low=15, high=1440
)
