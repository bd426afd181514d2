"""How states, urgencies and categories are called."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

STATES = {
    "submitted": _l("Waiting for approval"),
    "approved_by_leader": _l("Leader approved"),
    "approved_by_purchasing": _l("Purchasing approved"),
    "approved_by_executive": _l("General manager's office approved"),
    "returned_for_correction": _l("Please correct"),
    "rejected": _l("Rejected"),
    "withdrawn": _l("Withdrawn"),
}

URGENCIES = {"normal": _l("Normal"), "urgent": _l("Urgent")}

#: Groups of the catalogue; `fits` are the parts for the devices of the job at hand.
CATEGORIES = {
    "fits": _l("For this job's devices"),
    "gps_terminal": _l("GPS terminals"),
    "air_conditioner": _l("Air conditioners"),
    "water_purifier": _l("Water purifiers"),
    "printer": _l("Printers"),
    "other": _l("Other"),
}
