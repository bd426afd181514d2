"""Rules of expenses as tables and pure functions (D-EXP-3, D-EXP-5, D-EXP-8)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import Machine

#: What a person can enter, the most common first. The per diem is computed and never typed (D-EXP-2).
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
COMMON = 6

#: Kinds for which there should be an approved trip (D-TRIP-1).
NEEDS_TRIP = frozenset({"taxi", "fuel", "toll", "lodging", "long_distance"})

CLAIM = Machine(
    {
        ("draft", "submit"): "submitted",
        ("returned", "submit"): "submitted",
        ("submitted", "approved"): "approved",
        ("submitted", "returned"): "returned",
        ("submitted", "rejected"): "rejected",
        ("submitted", "withdraw"): "withdrawn",
        ("returned", "withdraw"): "withdrawn",
    }
)

ITEM = Machine(
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
    }
)

#: Items that can be put into a claim, and corrected.
FREE = ("open", "returned")

#: Items that no longer count: their fapiao and photos may be used again.
DEAD = ("discarded", "rejected")

#: States of claims that hold the fapiao of their items.
HOLDING = ("submitted", "approved", "returned")

#: Who sees everybody's claims besides their author and the group's leader.
OVERSEERS = frozenset({"finance", "manager", "executive", "quality"})


def is_own(actor: Actor, owner_id: int) -> bool:
    """Whether the record is the person's own."""
    return actor.id == owner_id


def may_see(actor: Actor, owner_id: int, group_id: int | None, claimed: bool = True) -> bool:
    """The author; once it has been claimed also the group's leader and who oversees money."""
    if is_own(actor, owner_id):
        return True
    return claimed and (group_id in actor.leads or bool(actor.roles & OVERSEERS))


def home_group(actor: Actor, job_group: int | None = None) -> int | None:
    """The group an expense belongs to: the job's where the person is in it, else the person's first."""
    if job_group in actor.groups:
        return job_group
    return min(actor.groups, default=None)


def fapiao_life(number: str, state: str) -> str:
    """`none`, `free`, `held` by a claim, or `consumed` by its payment; computed, never stored (D-EXP-8)."""
    if not number:
        return "none"
    if state == "paid":
        return "consumed"
    return "held" if state in {"claimed", "approved", "returned"} else "free"


#: Digits of the number of a fully digital fapiao.
FULLY_DIGITAL = 20


def plain_number(text: str | None) -> str:
    """A fapiao number or code as it is compared: no spaces or hyphens, capitals, digits of any width as plain ones."""
    return "".join(one for one in unicodedata.normalize("NFKC", text or "") if one.isalnum()).upper()


def fapiao_key(code: str, number: str) -> tuple[str, str]:
    """Return what identifies a fapiao: its number of 20 digits alone, else code and number (D-EXP-8)."""
    return ("" if len(number) == FULLY_DIGITAL and number.isdecimal() else code), number


@dataclass(frozen=True)
class Facts:
    """What the checks look at in one item; `doubted` are the days of writing and of arrival of one in doubt."""

    id: str
    kind: str
    amount: Decimal
    spent_on: date
    fapiao: tuple[str, str] = ("", "")
    fapiao_amount: Decimal | None = None
    receipts: int = 0
    doubted: tuple[date, date] | None = None
    hashes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Limits:
    """The settings that the checks apply."""

    days: int
    receipt_over: Decimal
    per_kind: Mapping[str, Decimal]


@dataclass(frozen=True)
class Used:
    """A fapiao on an expense outside the claim: `how` is `held` (by another claim), `captured` or `rejected`.

    `who` is the person whose expense it is, empty for the author's own.
    """

    fapiao: tuple[str, str]
    how: str
    who: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """What items outside the claim, anybody's, have used already: values by the id of the item."""

    fapiao: Sequence[Used] = ()
    photos: Sequence[tuple[str, str]] = ()
    alike: Sequence[tuple[str, tuple[str, Decimal, date]]] = ()


@dataclass(frozen=True)
class Finding:
    """Something that speaks against an item. A hard one blocks, a soft one is shown to the approver."""

    code: str
    hard: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)


def too_old(spent_on: date, on: date, days: int) -> bool:
    """Whether an expense is too old to be claimed (D-EXP-3)."""
    return spent_on < on - timedelta(days=days)


def findings(items: Iterable[Facts], known: Elsewhere, limits: Limits, on: date) -> dict[str, list[Finding]]:
    """What is to be said about each item of a claim sent on a day, by item id (D-EXP-3)."""
    items = list(items)
    together = Elsewhere(
        known.fapiao,
        [*known.photos, *((one.id, sha) for one in items for sha in one.hashes)],
        [*known.alike, *((one.id, (one.kind, one.amount, one.spent_on)) for one in items)],
    )
    return {
        one.id: [*_of_its_own(one, limits, on), *_of_one_fapiao(one, items), *_used_twice(one, together)]
        for one in items
    }


def _of_its_own(item: Facts, limits: Limits, on: date) -> Iterator[Finding]:
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
    if item.doubted is not None:
        written, received = item.doubted
        yield Finding("clock_doubt", params={"written": written.isoformat(), "received": received.isoformat()})
    if item.kind in NEEDS_TRIP:
        yield Finding("no_trip")


def _of_one_fapiao(item: Facts, items: Sequence[Facts]) -> Iterator[Finding]:
    """A claim may have several expenses on one fapiao, such as room and breakfast, up to its amount."""
    same = [one for one in items if item.fapiao[1] and one.fapiao == item.fapiao]
    amounts = [one.fapiao_amount for one in same if one.fapiao_amount is not None]
    if len(same) > 1 and amounts and sum(one.amount for one in same) > max(amounts):
        yield Finding("over_fapiao_together", params={"amount": str(max(amounts))})
    if any(one.fapiao[1] == item.fapiao[1] and _similar(item.fapiao, one.fapiao) for one in items):
        yield Finding("fapiao_similar", params={"number": item.fapiao[1]})


def _similar(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """The same number, once with and once without its code."""
    return one != other and bool(one[1]) and one[1] == other[1] and not (one[0] and other[0])


#: What is said of a fapiao that is on an expense outside the claim.
_USED = {"held": "fapiao_used", "captured": "fapiao_captured", "rejected": "fapiao_rejected"}


def _used_twice(item: Facts, known: Elsewhere) -> Iterator[Finding]:
    number = item.fapiao[1]
    for used in known.fapiao:
        if number and used.fapiao == item.fapiao:
            hard = used.how == "held"
            # Whose claim holds it is not told to the author of another.
            params = {"number": number} if hard or not used.who else {"number": number, "who": used.who}
            yield Finding(_USED[used.how] if hard or used.who else "fapiao_own", hard=hard, params=params)
        elif _similar(item.fapiao, used.fapiao):
            yield Finding("fapiao_similar", params={"number": number})
    if any(sha in item.hashes for other, sha in known.photos if other != item.id):
        yield Finding("photo_used")
    mine = (item.kind, item.amount, item.spent_on)
    others = [alike for other, alike in known.alike if other != item.id]
    if item.kind == "per_diem":
        if any(kind == "per_diem" and day == item.spent_on for kind, _, day in others):
            yield Finding("per_diem_twice", hard=True)
    elif mine in others:
        yield Finding("same_again")
