"""Labels and texts for the codes that expenses and claims store."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.kernel import money
from fieldapp.money.expenses.policy import CLAIM
from fieldapp.platform.web.states import ShownState, shown

KIND_WORDS = {
    "per_diem": _l("Per diem"),
    "long_distance": _l("Long-distance transport"),
    "local_transport": _l("Local transport"),
    "taxi": _l("Taxi"),
    "fuel": _l("Fuel"),
    "toll": _l("Tolls"),
    "parking": _l("Parking"),
    "lodging": _l("Lodging"),
    "parts": _l("Parts and consumables"),
    "postage": _l("Postage"),
    "other": _l("Other expense"),
}

FINDINGS = {
    "too_old": _l("Older than %(days)s days."),
    "no_receipt": _l("No receipt."),
    "over_limit": _l("More than the usual %(limit)s yuan."),
    "over_fapiao": _l("More than the fapiao says (%(amount)s yuan)."),
    "clock_doubt": _l("Written %(written)s by the phone's clock, which is in doubt; received %(received)s."),
    "no_trip": _l("No approved trip."),
    "over_fapiao_together": _l("All expenses on this fapiao together are more than it says (%(amount)s yuan)."),
    "fapiao_used": _l("Fapiao %(number)s is already in another claim."),
    "fapiao_captured": _l("Fapiao %(number)s was also entered by %(who)s."),
    "fapiao_rejected": _l("Fapiao %(number)s was in a rejected claim of %(who)s."),
    "fapiao_own": _l("Fapiao %(number)s is on another expense of the same person."),
    "fapiao_similar": _l("Fapiao %(number)s is on another expense, without its code."),
    "photo_used": _l("The same photo is on another expense."),
    "same_again": _l("Same kind, amount and day as another expense."),
    "per_diem_twice": _l("The per diem of this day was already claimed."),
}


def finding_words(code: str, params: dict[str, Any], to_author: bool = False) -> str:
    """Return the text of a finding. Its author is not told other people's names."""
    if to_author and "who" in params:
        params = {**params, "who": gettext("somebody else")}
    return str(FINDINGS[code]) % params


def warning_words(warnings: Iterable[Any] | None, to_author: bool = False) -> list[str]:
    """Return the texts of the findings stored with an item."""
    return [finding_words(code, params, to_author) for code, params in warnings or ()]


def claim_state(state: str) -> ShownState:
    """Return the state of a claim for its tag."""
    return shown(CLAIM, state)


def about_claim(who: str, total: Decimal) -> str:
    """Return the label of a claim: its author and its total."""
    return gettext("%(who)s's expense claim · ¥ %(amount)s", who=who, amount=money.show(total))
