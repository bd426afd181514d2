"""How states, urgencies and categories are called."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.kernel import money
from fieldapp.supply.parts.policy import last_approval

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


def about_request(who: str, total: Decimal) -> str:
    """Return which request is meant: whose it is, and how much."""
    return gettext("%(who)s's parts request · ¥ %(amount)s", who=who, amount=money.show(total))


def look(state: str, is_high: bool) -> str:
    """How a state is marked: needs the author, is on its way, is through, is over."""
    if state in {"rejected", "returned_for_correction"}:
        return "hot"
    if state in {"withdrawn", "cancelled"}:
        return "calm"
    waiting = state == "submitted" or (state.startswith("approved_by_") and state != last_approval(is_high))
    return "soon" if waiting else "ok"
