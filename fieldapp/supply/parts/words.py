"""Labels and CSS classes for the codes that parts requests store."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.kernel import money
from fieldapp.supply.parts.policy import final_approval_state

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
    """Return the label of a request: its author and its total."""
    return gettext("%(who)s's parts request · ¥ %(amount)s", who=who, amount=money.show(total))


def look(state: str, is_high: bool) -> str:
    """Return the CSS class of a state's tag. `is_high`: the chain has more approvals than the leader's."""
    if state in {"rejected", "returned_for_correction"}:
        return "hot"
    if state in {"withdrawn", "cancelled"}:
        return "calm"
    waiting = state == "submitted" or (state.startswith("approved_by_") and state != final_approval_state(is_high))
    return "soon" if waiting else "ok"
