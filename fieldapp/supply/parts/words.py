"""Labels for the codes that parts requests store."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.kernel import money
from fieldapp.platform.web.states import ShownState, shown, words_of
from fieldapp.supply.parts.policy import REQUEST, tone_of

#: States that a filter offers.
STATES = words_of(
    REQUEST,
    "submitted",
    "approved_by_leader",
    "approved_by_purchasing",
    "approved_by_executive",
    "returned_for_correction",
    "rejected",
    "withdrawn",
)

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


def request_state(state: str, is_high: bool) -> ShownState:
    """Return the state of a request for its tag. `is_high`: the chain has more approvals than the leader's."""
    return shown(REQUEST, state, tone_of(state, is_high))
