"""Rules of parts requests: states, approval chain, split requests, permissions (D-PART-2, 3 and 5, D-ROLE-1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.money import times
from fieldapp.kernel.states import Machine, State, Tone

#: (state, verb) -> next state (D-PART-3). `approve` is one step of the chain; `final_approval_state` is its end.
REQUEST = Machine(
    {
        "submitted": State("Waiting for approval", Tone.WAITING),
        "approved_by_leader": State("Leader approved", Tone.GOOD),
        "approved_by_purchasing": State("Purchasing approved", Tone.WAITING),
        "approved_by_executive": State("General manager's office approved", Tone.GOOD),
        "returned_for_correction": State("Please correct", Tone.BAD),
        "rejected": State("Rejected", Tone.BAD, final=True),
        "withdrawn": State("Withdrawn", Tone.CALM, final=True),
        "ordered": State("Ordered", Tone.GOOD),
        "authorised_to_buy": State("May be bought", Tone.GOOD),
        "cancelled": State("Cancelled", Tone.CALM, final=True),
        "received": State("Arrived from the supplier", Tone.GOOD),
        "handed_over": State("Handed over", Tone.GOOD),
        "used": State("Used", Tone.GOOD, final=True),
        "returned": State("Back in stock", Tone.GOOD, final=True),
    },
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
    },
    start="submitted",
)

#: Verbs that need all approvals of the chain.
AFTER_APPROVAL = frozenset({"order", "authorise"})

#: States of requests that count in no sum.
ENDED_WITHOUT_PARTS = frozenset({"rejected", "withdrawn", "cancelled"})

#: Names that share at least this part of their letter pairs are taken for the same item.
MIN_SIMILARITY = 0.6


@dataclass(frozen=True)
class Line:
    """A line of a request. `list_price` is the catalogue's price, None for an item that is not in the catalogue."""

    name: str
    qty: int
    unit_price: Decimal
    part_id: str | None = None
    list_price: Decimal | None = None

    @property
    def decisive_price(self) -> Decimal:
        """Return the price that the chain follows: the higher of the estimate and the list price (D-PART-2)."""
        return max(self.unit_price, self.list_price or self.unit_price)

    @property
    def sum(self) -> Decimal:
        """Return quantity times unit price, in yuan."""
        return times(self.unit_price, self.qty)


@dataclass(frozen=True)
class RequestSummary:
    """Id, time and lines of a request, as the rules compare requests."""

    id: str
    submitted_at: datetime
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        """Return the sum of the lines in yuan."""
        return total_of(self.lines)


def total_of(lines: Iterable[Line]) -> Decimal:
    """Return the sum of the lines in yuan."""
    return sum((line.sum for line in lines), Decimal("0.00"))


def needs_escalation(lines: Iterable[Line], limit: Decimal) -> bool:
    """Return whether any single item costs `limit` or more; the quantity does not matter (D-PART-2)."""
    return any(line.decisive_price >= limit for line in lines)


def chain_roles(lines: Iterable[Line], limit: Decimal) -> list[str]:
    """Return the roles that have to approve, in order (D-PART-2)."""
    return ["leader", "purchasing", "executive"] if needs_escalation(lines, limit) else ["leader"]


def final_approval_state(is_high: bool) -> str:
    """Return the state in which all approvals are given. `is_high`: an item reaches the limit."""
    return "approved_by_executive" if is_high else "approved_by_leader"


def tone_of(state: str, is_high: bool) -> Tone:
    """Return the tone of a request's state. `is_high`: the chain has more approvals than the leader's."""
    is_step = state.startswith("approved_by_") and state != final_approval_state(is_high)
    return Tone.WAITING if is_step else REQUEST.states[state].tone


def state_after_approval(state: str, is_high: bool, closed: bool) -> str:
    """Return the state after an approval: the next step, or the end of the chain if it closed the case.

    A chain can be shorter than the table if one person's role stands in for two. Raise IllegalMove.
    """
    next_state = REQUEST.next(state, "approve")
    while closed and next_state != final_approval_state(is_high):
        next_state = REQUEST.next(next_state, "approve")
    return next_state


def may_apply(state: str, verb: str, is_high: bool) -> bool:
    """Return whether `verb` is allowed now: ordering waits for the whole chain."""
    if verb in AFTER_APPROVAL and state.startswith("approved_by_"):
        return state == final_approval_state(is_high)
    return (state, verb) in REQUEST.moves


# -- split requests (D-PART-2) ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class RepeatedItem:
    """An item that occurs in several lines: its name, the number of lines, and their sum in yuan."""

    name: str
    lines: int
    sum: Decimal


@dataclass(frozen=True)
class Split:
    """The warning that approvers see if one need may have been split into several requests (D-PART-2).

    `number`: ordinal of this request among the `requests` of the job within the days; `sum`: their sum.
    `by_person`: what the same person asked for in other requests of any job; its `lines` counts requests.
    """

    number: int
    requests: int
    sum: Decimal
    repeated: tuple[RepeatedItem, ...]
    reaches_limit: bool
    by_person: RepeatedItem | None = None

    @property
    def has_others(self) -> bool:
        """Return whether the job has other requests within the days."""
        return self.requests > 1


def split_of(
    this: RequestSummary,
    others: Iterable[RequestSummary],
    days: int,
    limit: Decimal,
    by_person: Iterable[RequestSummary] = (),
) -> Split | None:
    """Return a warning if requests look like one need split up, or None (D-PART-2).

    That is: other requests of the job within `days`, or one item in several lines. `by_person` are the same
    person's other requests; of these only lines with the same part or a similar name count. Lines that need
    escalation anyway are no sign of a split and count in no such sum.

    `reaches_limit`: together the lines reach the limit although no single item does.
    """
    window = timedelta(days=days)
    nearby = [
        other for other in others if other.id != this.id and abs(other.submitted_at - this.submitted_at) <= window
    ]
    lines = [*this.lines, *(line for other in nearby for line in other.lines)]
    repeated = tuple(_repeated(this.lines, lines))
    nearby_ids = {other.id for other in nearby}
    recent_of_person = [other for other in by_person if abs(other.submitted_at - this.submitted_at) <= window]
    by_same_person = _items_of_same_person(
        this, [other for other in recent_of_person if other.id not in {this.id, *nearby_ids}], limit
    )
    if not nearby and not repeated and by_same_person is None:
        return None
    earlier_count = sum((other.submitted_at, other.id) < (this.submitted_at, this.id) for other in nearby)
    sum_of_job = this.total + sum((other.total for other in nearby), Decimal("0.00"))
    suspected_sum = sum_of_job if nearby else sum((other.sum for other in repeated), Decimal("0.00"))
    return Split(
        number=earlier_count + 1,
        requests=len(nearby) + 1,
        sum=sum_of_job,
        repeated=repeated,
        reaches_limit=(suspected_sum >= limit and not needs_escalation(lines, limit))
        or (by_same_person is not None and by_same_person.sum >= limit),
        by_person=by_same_person,
    )


def _items_of_same_person(
    this: RequestSummary, others: Sequence[RequestSummary], limit: Decimal
) -> RepeatedItem | None:
    """Return the items below the limit that the same person requested before: name of the first one, and the sum."""
    small = [line for line in this.lines if line.decisive_price < limit]
    shared: list[Line] = []
    requests, repeated_here = 1, set()
    for other in others:
        matching = []
        for line in other.lines:
            matches = [index for index, item in enumerate(small) if is_same_item(item, line)]
            if matches and line.decisive_price < limit:
                matching.append(line)
                repeated_here.update(matches)
        requests += bool(matching)
        shared += matching
    if not shared:
        return None
    return RepeatedItem(
        small[min(repeated_here)].name, requests, total_of([*(small[index] for index in repeated_here), *shared])
    )


def _repeated(own_lines: Sequence[Line], lines: Sequence[Line]) -> Iterable[RepeatedItem]:
    """Yield the groups of same or similar items to which this request contributes."""
    groups: list[list[Line]] = []
    for line in lines:
        matching_group = next((group for group in groups if any(is_same_item(line, other) for other in group)), None)
        if matching_group is None:
            groups.append([line])
        else:
            matching_group.append(line)
    own_ids = {id(line) for line in own_lines}
    for group in groups:
        if len(group) > 1 and any(id(line) in own_ids for line in group):
            yield RepeatedItem(group[0].name, len(group), total_of(group))


def is_same_item(a: Line, b: Line) -> bool:
    """Return whether two lines name the same catalogue part, or have similar names."""
    if a.part_id and b.part_id:
        return a.part_id == b.part_id
    return are_similar(a.name, b.name)


def are_similar(a: str, b: str) -> bool:
    """Return whether two names are similar.

    Similar: equal apart from punctuation and case, one contains the other, or most pairs of letters are shared.
    """
    first, second = (_normalized(name) for name in (a, b))
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) < 2:
        return first == second
    if shorter in longer:
        return True
    pairs_a, pairs_b = _bigrams(first), _bigrams(second)
    return 2 * len(pairs_a & pairs_b) >= MIN_SIMILARITY * (len(pairs_a) + len(pairs_b))


def _normalized(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _bigrams(name: str) -> set[str]:
    return {name[i : i + 2] for i in range(len(name) - 1)}


# -- permissions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RequestFacts:
    """The facts of a request that policies judge. `needs_escalation`: an item reached the limit when it was sent."""

    requester_id: int
    group_id: int
    needs_escalation: bool
    state: str = "submitted"


#: SEES_ALL: roles that see every request. SEES_HIGH: roles that see requests that need escalation.
SEES_ALL = frozenset({"finance", "manager", "quality", "agent"})
SEES_HIGH = frozenset({"purchasing", "executive"})


def may_see_request(actor: Actor, request: RequestFacts) -> bool:
    """Allow the author, the group's leader, and roles that need it.

    People who see its job see it too (not judged here).
    """
    if actor.id == request.requester_id or request.group_id in actor.leads:
        return True
    return bool(actor.roles & SEES_ALL) or (request.needs_escalation and bool(actor.roles & SEES_HIGH))


def is_author(actor: Actor, request: RequestFacts) -> bool:
    """Allow the author; only the author corrects or withdraws a request (D-PART-5)."""
    return actor.id == request.requester_id


def author_verbs(actor: Actor, request: RequestFacts) -> tuple[str, ...]:
    """Return the verbs that the actor can apply now as the author; empty for other people."""
    if not is_author(actor, request):
        return ()
    return tuple(verb for verb in REQUEST.verbs(request.state) if verb in {"resubmit", "withdraw"})
