"""Rules of expenses as tables and pure functions (D-EXP-3, D-EXP-5, D-EXP-8)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import Machine, State, Tone

#: Kinds that a person can enter, most common first. The per diem is computed and never typed (D-EXP-2).
KINDS = (
    "local_transport",
    "long_distance",
    "taxi",
    "parking",
    "parts",
    "lodging",
    "fuel",
    "toll",
    "postage",
    "other",
)
ALL_KINDS = ("per_diem", *KINDS)
#: The form shows this many kinds at once.
COMMON_KIND_COUNT = 6

#: Kinds for which there should be an approved trip (D-TRIP-1).
NEEDS_TRIP = frozenset({"taxi", "fuel", "toll", "lodging", "long_distance"})

CLAIM = Machine(
    {
        "draft": State("Draft"),
        "submitted": State("Waiting for approval", Tone.WAITING),
        "approved": State("Approved", Tone.GOOD, final=True),
        "returned": State("To be corrected", Tone.BAD),
        "rejected": State("Rejected", Tone.BAD, final=True),
        "withdrawn": State("Taken back", Tone.CALM, final=True),
    },
    {
        ("draft", "submit"): "submitted",
        ("returned", "submit"): "submitted",
        ("submitted", "approved"): "approved",
        ("submitted", "returned"): "returned",
        ("submitted", "rejected"): "rejected",
        ("submitted", "withdraw"): "withdrawn",
        ("returned", "withdraw"): "withdrawn",
    },
    start="draft",
)

ITEM = Machine(
    {
        "open": State("Not claimed yet"),
        "claimed": State("Waiting for approval", Tone.WAITING),
        "approved": State("Approved", Tone.GOOD, final=True),
        "returned": State("To be corrected", Tone.BAD),
        "rejected": State("Rejected", Tone.BAD, final=True),
        "discarded": State("Discarded", Tone.CALM, final=True),
    },
    {
        ("open", "claim"): "claimed",
        ("open", "resubmit"): "open",
        ("open", "discard"): "discarded",
        ("returned", "claim"): "claimed",
        ("returned", "resubmit"): "returned",
        ("returned", "release"): "open",
        ("claimed", "approved"): "approved",
        ("claimed", "returned"): "returned",
        ("claimed", "rejected"): "rejected",
        ("claimed", "release"): "open",
    },
    start="open",
)

#: States of items that can be put into a claim and corrected.
FREE = ("open", "returned")

#: States of items whose fapiao and photos may be used again.
INACTIVE = ("discarded", "rejected")

#: States of claims that hold the fapiao of their items.
HOLDING = ("submitted", "approved", "returned")

#: Roles that see all claims.
OVERSEERS = frozenset({"finance", "manager", "executive", "quality"})


def home_group(actor: Actor, job_group: int | None = None) -> int | None:
    """Return the group of an expense: the job's if the person belongs to it, else the person's first one."""
    if job_group in actor.groups:
        return job_group
    return min(actor.groups, default=None)


def fapiao_state(number: str, state: str) -> str:
    """Return `none`, `free`, `held` (by a claim) or `consumed` (by its payment). Derived, never stored (D-EXP-8)."""
    if not number:
        return "none"
    if state == "paid":
        return "consumed"
    return "held" if state in {"claimed", "approved", "returned"} else "free"


#: Number of digits of a fully digital fapiao.
FULLY_DIGITAL = 20


def normalized_number(text: str | None) -> str:
    """Return a fapiao number or code for comparison: letters and digits only, capitals, plain digits."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text or "") if letter.isalnum()).upper()


def fapiao_key(code: str, number: str) -> tuple[str, str]:
    """Return `(code, number)` that identify a fapiao; the code is empty for a number of 20 digits (D-EXP-8)."""
    return ("" if len(number) == FULLY_DIGITAL and number.isdecimal() else code), number


@dataclass(frozen=True)
class ItemFacts:
    """The facts of an item that the checks judge.

    `doubted_days`: the days of writing and of arrival if the phone's clock is in doubt. `hashes`: of its photos.
    """

    id: str
    kind: str
    amount: Decimal
    spent_on: date
    fapiao: tuple[str, str] = ("", "")
    fapiao_amount: Decimal | None = None
    receipts: int = 0
    doubted_days: tuple[date, date] | None = None
    hashes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Limits:
    """The settings that the checks apply; amounts in yuan."""

    days: int
    receipt_over: Decimal
    per_kind: Mapping[str, Decimal]


@dataclass(frozen=True)
class UsedFapiao:
    """A fapiao on an expense outside the claim. `usage`: `held` (by another claim), `captured` or `rejected`.

    `who` is the person whose expense it is, empty for the author's own.
    """

    fapiao: tuple[str, str]
    usage: str
    who: str = ""


@dataclass(frozen=True)
class OtherItems:
    """Fapiao and photos of anybody, and expenses of the author, outside the claim. Values come with the item's id."""

    fapiao: Sequence[UsedFapiao] = ()
    photos: Sequence[tuple[str, str]] = ()
    alike: Sequence[tuple[str, tuple[str, Decimal, date]]] = ()


@dataclass(frozen=True)
class Finding:
    """An objection to an item. A hard one refuses the claim, a soft one is shown to the approver."""

    code: str
    hard: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)


def too_old(spent_on: date, on: date, days: int) -> bool:
    """Return whether an expense is too old to be claimed on a day (D-EXP-3)."""
    return spent_on < on - timedelta(days=days)


def findings(items: Iterable[ItemFacts], others: OtherItems, limits: Limits, on: date) -> dict[str, list[Finding]]:
    """Return the findings for each item of a claim submitted on a day, by item id (D-EXP-3)."""
    items = list(items)
    all_items = OtherItems(
        others.fapiao,
        [*others.photos, *((item.id, sha) for item in items for sha in item.hashes)],
        [*others.alike, *((item.id, (item.kind, item.amount, item.spent_on)) for item in items)],
    )
    return {
        item.id: [
            *_single_findings(item, limits, on),
            *_fapiao_findings(item, items),
            *_duplicate_findings(item, all_items),
        ]
        for item in items
    }


def _single_findings(item: ItemFacts, limits: Limits, on: date) -> Iterator[Finding]:
    if too_old(item.spent_on, on, limits.days):
        yield Finding("too_old", hard=True, params={"days": limits.days})
    if item.receipts == 0 and item.kind != "per_diem":
        over = limits.receipt_over
        yield Finding("no_receipt", hard=over > 0 and item.amount > over)
    limit = limits.per_kind.get(item.kind, Decimal(0))
    if 0 < limit < item.amount:
        yield Finding("over_limit", params={"limit": str(limit)})
    if item.fapiao_amount is not None and item.amount > item.fapiao_amount:
        yield Finding("over_fapiao", params={"amount": str(item.fapiao_amount)})
    if item.doubted_days is not None:
        written, received = item.doubted_days
        yield Finding("clock_doubt", params={"written": written.isoformat(), "received": received.isoformat()})
    if item.kind in NEEDS_TRIP:
        yield Finding("no_trip")


def _fapiao_findings(item: ItemFacts, items: Sequence[ItemFacts]) -> Iterator[Finding]:
    """Compare with the claim's other items.

    Several may share one fapiao, for instance room and breakfast, up to its amount.
    """
    same_fapiao = [other for other in items if item.fapiao[1] and other.fapiao == item.fapiao]
    amounts = [other.fapiao_amount for other in same_fapiao if other.fapiao_amount is not None]
    if len(same_fapiao) > 1 and amounts and sum(other.amount for other in same_fapiao) > max(amounts):
        yield Finding("over_fapiao_together", params={"amount": str(max(amounts))})
    if any(other.fapiao[1] == item.fapiao[1] and _same_number_other_code(item.fapiao, other.fapiao) for other in items):
        yield Finding("fapiao_similar", params={"number": item.fapiao[1]})


def _same_number_other_code(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether two fapiao have the same number, one with and one without a code."""
    return one != other and bool(one[1]) and one[1] == other[1] and not (one[0] and other[0])


#: Usage of a fapiao outside the claim -> code of the finding.
_CODE_OF_USAGE = {"held": "fapiao_used", "captured": "fapiao_captured", "rejected": "fapiao_rejected"}


def _duplicate_findings(item: ItemFacts, others: OtherItems) -> Iterator[Finding]:
    number = item.fapiao[1]
    for used in others.fapiao:
        if number and used.fapiao == item.fapiao:
            hard = used.usage == "held"
            # The author is not told whose claim holds the fapiao.
            params = {"number": number} if hard or not used.who else {"number": number, "who": used.who}
            yield Finding(_CODE_OF_USAGE[used.usage] if hard or used.who else "fapiao_own", hard=hard, params=params)
        elif _same_number_other_code(item.fapiao, used.fapiao):
            yield Finding("fapiao_similar", params={"number": number})
    if any(sha in item.hashes for other, sha in others.photos if other != item.id):
        yield Finding("photo_used")
    own_values = (item.kind, item.amount, item.spent_on)
    other_values = [alike for other, alike in others.alike if other != item.id]
    if item.kind == "per_diem":
        if any(kind == "per_diem" and day == item.spent_on for kind, _, day in other_values):
            yield Finding("per_diem_twice", hard=True)
    elif own_values in other_values:
        yield Finding("same_again")
