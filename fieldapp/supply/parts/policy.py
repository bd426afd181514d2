"""Rules of parts requests: states, chain, split detection, who may (D-PART-2, D-PART-3, D-PART-5, D-ROLE-1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.money import times
from fieldapp.kernel.states import Machine

#: D-PART-3. `approve` is one step of the chain; where the chain ends is `last_approval`.
REQUEST = Machine(
    {
        ("submitted", "approve"): "approved_by_leader",
        ("approved_by_leader", "approve"): "approved_by_purchasing",
        ("approved_by_purchasing", "approve"): "approved_by_executive",
        ("submitted", "return"): "returned_for_correction",
        ("approved_by_leader", "return"): "returned_for_correction",
        ("approved_by_purchasing", "return"): "returned_for_correction",
        ("submitted", "reject"): "rejected",
        ("approved_by_leader", "reject"): "rejected",
        ("approved_by_purchasing", "reject"): "rejected",
        ("submitted", "withdraw"): "withdrawn",
        ("returned_for_correction", "withdraw"): "withdrawn",
        ("returned_for_correction", "resubmit"): "submitted",
        ("approved_by_leader", "order"): "ordered",
        ("approved_by_leader", "authorise"): "authorised_to_buy",
        ("approved_by_leader", "cancel"): "cancelled",
        ("approved_by_executive", "order"): "ordered",
        ("approved_by_executive", "authorise"): "authorised_to_buy",
        ("approved_by_executive", "cancel"): "cancelled",
        ("ordered", "cancel"): "cancelled",
        ("authorised_to_buy", "cancel"): "cancelled",
        ("ordered", "receive"): "received",
        ("authorised_to_buy", "receive"): "received",
        ("received", "hand_over"): "handed_over",
        ("handed_over", "use"): "used",
        ("handed_over", "give_back"): "returned",
    }
)

#: Verbs that only follow once everybody whose yes is needed has said it.
AFTER_APPROVAL = frozenset({"order", "authorise"})

#: Requests in these states are no need any more: they count in no sum.
ENDED_WITHOUT_PARTS = frozenset({"rejected", "withdrawn", "cancelled"})

#: Names alike by this share of their letter pairs are taken for the same thing.
ALIKE = 0.6


@dataclass(frozen=True)
class Line:
    """What the rules ask of a line; `listed` is the catalogue's price where it is a part of the catalogue."""

    name: str
    qty: int
    unit_price: Decimal
    part_id: str | None = None
    listed: Decimal | None = None

    @property
    def price_judged(self) -> Decimal:
        """The price that the chain follows: the higher of the estimate and the list price (D-PART-2)."""
        return max(self.unit_price, self.listed or self.unit_price)

    @property
    def sum(self) -> Decimal:
        """Quantity by unit price."""
        return times(self.unit_price, self.qty)


@dataclass(frozen=True)
class Asked:
    """What the rules ask of a request on a job."""

    id: str
    submitted_at: datetime
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        """The sum of the lines."""
        return total_of(self.lines)


def total_of(lines: Iterable[Line]) -> Decimal:
    """What a request comes to."""
    return sum((line.sum for line in lines), Decimal("0.00"))


def goes_up(lines: Iterable[Line], limit: Decimal) -> bool:
    """Whether any single item costs `limit` or more; the quantity does not matter (D-PART-2)."""
    return any(line.price_judged >= limit for line in lines)


def chain_roles(lines: Iterable[Line], limit: Decimal) -> list[str]:
    """Who has to say yes, in order (D-PART-2)."""
    return ["leader", "purchasing", "executive"] if goes_up(lines, limit) else ["leader"]


def last_approval(is_high: bool) -> str:
    """The state in which the chain is through."""
    return "approved_by_executive" if is_high else "approved_by_leader"


def approved_state(state: str, is_high: bool, closed: bool) -> str:
    """The state after a yes: one step on, or at the chain's end once the case is closed by it.

    A chain can be shorter than the table where one person's role stands in for two. Raises IllegalMove.
    """
    following = REQUEST.next(state, "approve")
    while closed and following != last_approval(is_high):
        following = REQUEST.next(following, "approve")
    return following


def may_follow(state: str, verb: str, is_high: bool) -> bool:
    """Whether `verb` can be done now: ordering waits for the whole chain."""
    if verb in AFTER_APPROVAL and state.startswith("approved_by_"):
        return state == last_approval(is_high)
    return (state, verb) in REQUEST.moves


# -- one need in several pieces (D-PART-2) ---------------------------------------------------------------------


@dataclass(frozen=True)
class Repeated:
    """One item that stands in several lines: how it is called, in how many, and what they come to."""

    name: str
    lines: int
    sum: Decimal


@dataclass(frozen=True)
class Split:
    """What approvers are told: how many requests its job has within the days, which of them this is, and the sums.

    `by_person`: what the same person asked for in other requests too, whatever they are for; `lines` counts requests.
    """

    number: int
    requests: int
    sum: Decimal
    repeated: tuple[Repeated, ...]
    reaches_limit: bool
    by_person: Repeated | None = None

    @property
    def several(self) -> bool:
        """Whether there is more than this one request."""
        return self.requests > 1


def split_of(
    this: Asked, others: Iterable[Asked], days: int, limit: Decimal, by_person: Iterable[Asked] = ()
) -> Split | None:
    """What looks like one need in pieces: further requests of the job within `days`, an item in several lines.

    `by_person` are the same person's other requests: those for the same part, or one of a like name, count with the
    lines they share with this one. Lines that went up properly hide nothing and count in no such sum.
    `reaches_limit`: together it comes to the limit although no single item does. None where nothing is to be said.
    """
    window = timedelta(days=days)
    near = [one for one in others if one.id != this.id and abs(one.submitted_at - this.submitted_at) <= window]
    lines = [*this.lines, *(line for one in near for line in one.lines)]
    repeated = tuple(_repeated(this.lines, lines))
    known = {one.id for one in near}
    recent = [one for one in by_person if abs(one.submitted_at - this.submitted_at) <= window]
    own = _asked_again(this, [one for one in recent if one.id not in {this.id, *known}], limit)
    if not near and not repeated and own is None:
        return None
    earlier = sum((one.submitted_at, one.id) < (this.submitted_at, this.id) for one in near)
    together = this.total + sum((one.total for one in near), Decimal("0.00"))
    suspect = together if near else sum((one.sum for one in repeated), Decimal("0.00"))
    return Split(
        number=earlier + 1,
        requests=len(near) + 1,
        sum=together,
        repeated=repeated,
        reaches_limit=(suspect >= limit and not goes_up(lines, limit)) or (own is not None and own.sum >= limit),
        by_person=own,
    )


def _asked_again(this: Asked, others: Sequence[Asked], limit: Decimal) -> Repeated | None:
    """The small items of this request that the same person asked for in others: the first one's name, and the sum."""
    small = [line for line in this.lines if line.price_judged < limit]
    shared: list[Line] = []
    requests, mine = 1, set()
    for other in others:
        found = []
        for line in other.lines:
            same = [number for number, own in enumerate(small) if same_item(own, line)]
            if same and line.price_judged < limit:
                found.append(line)
                mine.update(same)
        requests += bool(found)
        shared += found
    if not shared:
        return None
    return Repeated(small[min(mine)].name, requests, total_of([*(small[number] for number in mine), *shared]))


def _repeated(own: Sequence[Line], lines: Sequence[Line]) -> Iterable[Repeated]:
    """Groups of the same or similar items that this request has a share in."""
    groups: list[list[Line]] = []
    for line in lines:
        home = next((group for group in groups if any(same_item(line, other) for other in group)), None)
        if home is None:
            groups.append([line])
        else:
            home.append(line)
    mine = {id(line) for line in own}
    for group in groups:
        if len(group) > 1 and any(id(line) in mine for line in group):
            yield Repeated(group[0].name, len(group), total_of(group))


def same_item(a: Line, b: Line) -> bool:
    """The same catalogue part, or names that are alike."""
    if a.part_id and b.part_id:
        return a.part_id == b.part_id
    return alike(a.name, b.name)


def alike(a: str, b: str) -> bool:
    """Equal apart from signs and case, one within the other, or sharing most of their letter pairs."""
    one, two = (_bare(name) for name in (a, b))
    short, long = sorted((one, two), key=len)
    if len(short) < 2:
        return one == two
    if short in long:
        return True
    pairs_a, pairs_b = _pairs(one), _pairs(two)
    return 2 * len(pairs_a & pairs_b) >= ALIKE * (len(pairs_a) + len(pairs_b))


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _pairs(name: str) -> set[str]:
    return {name[i : i + 2] for i in range(len(name) - 1)}


# -- who may ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RequestFacts:
    """What policies ask of a request: whose it is, of which group, and whether it went up."""

    requester_id: int
    group_id: int
    goes_up: bool
    state: str = "submitted"


#: Roles that see every request; purchasing and the executive see those that come to them.
SEES_ALL = frozenset({"finance", "manager", "quality", "agent"})
SEES_HIGH = frozenset({"purchasing", "executive"})


def may_see_request(actor: Actor, request: RequestFacts) -> bool:
    """Own ones, the led group's, and those a role's work needs. Whoever sees its job sees it as well (elsewhere)."""
    if actor.id == request.requester_id or request.group_id in actor.leads:
        return True
    return bool(actor.roles & SEES_ALL) or (request.goes_up and bool(actor.roles & SEES_HIGH))


def is_author(actor: Actor, request: RequestFacts) -> bool:
    """Only who asked corrects or takes back (D-PART-5)."""
    return actor.id == request.requester_id


def open_to_author(actor: Actor, request: RequestFacts) -> tuple[str, ...]:
    """What the author can do now; nothing for anybody else."""
    if not is_author(actor, request):
        return ()
    return tuple(verb for verb in REQUEST.verbs(request.state) if verb in {"resubmit", "withdraw"})
