"""Who has to approve, and who may (D-ROLE-1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fieldapp.kernel.actor import Actor, Principal

#: Role -> role that decides instead, if the requester has the role or nobody else has it.
ESCALATES_TO = {"leader": "manager", "manager": "executive", "purchasing": "manager", "executive": "manager"}

#: Roles that decide for their own groups only; other roles decide for all groups.
GROUP_ROLES = frozenset({"leader"})


def approval_chain(
    roles: Sequence[str], requester_roles: Collection[str], vacant: Mapping[str, str] | None = None
) -> list[tuple[str, str | None]]:
    """Return the roles that decide, in order, each with the reason why it replaced another, or None.

    A role that the requester has (`own`), or in which nobody can decide (`vacant`: reason by role), is replaced by
    the next one up, as often as needed. Equal steps are merged.
    """
    reason_of: dict[str, str | None] = {}
    for role in roles:
        actual, why = role, None
        skipped = set()
        while actual in ESCALATES_TO and actual not in skipped:
            reason = "own" if actual in requester_roles else (vacant or {}).get(actual)
            if reason is None:
                break
            skipped.add(actual)
            actual, why = ESCALATES_TO[actual], why or reason
        reason_of.setdefault(actual, why)
    return list(reason_of.items())


@dataclass(frozen=True)
class Turn:
    """What a decision is about: the record's type, who asked, which role decides now, and who decided before."""

    kind: str
    requester_id: int
    role: str | None
    group_id: int | None
    deciders: frozenset[int] = frozenset()


def deciding_for(actor: Actor, turn: Turn) -> Actor | Principal | None:
    """Return for whom the actor may decide now: themselves, else somebody they are deputy for, else None.

    Nobody decides what they asked for, nor a second step of one chain; neither does a deputy, in their own name or in
    that of a principal who asked or decided (D-ROLE-1, D-ROLE-2).
    """
    excluded = {turn.requester_id, *turn.deciders}
    if turn.role is None or actor.id in excluded or not actor.active:
        return None
    if _holds(actor.in_own_right, turn):
        return actor
    for principal in actor.principals:
        if principal.id not in excluded and principal.covers(turn.kind) and _holds(principal, turn):
            return principal
    return None


def _holds(person: Actor | Principal, turn: Turn) -> bool:
    return turn.group_id in person.leads if turn.role in GROUP_ROLES else turn.role in person.roles


def may_decide(actor: Actor, turn: Turn) -> bool:
    """Return whether the actor may decide now, in their own name or as a deputy."""
    return deciding_for(actor, turn) is not None


# -- differences between rounds ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Detail:
    """One item of a record's content: `key` identifies it in every round, `text` is its value for people.

    `value` is compared instead of the text, if given: signatures have the same text, however they were signed.
    """

    key: str
    label: str
    text: str
    value: Any = None

    @property
    def compared(self) -> Any:
        """Return the value by which two rounds are compared."""
        return self.text if self.value is None else self.value


@dataclass(frozen=True)
class Difference:
    """A detail that differs between two rounds; `was` or `now` is empty if it was added or removed."""

    label: str
    was: str
    now: str


def differences(before: Sequence[Detail], after: Sequence[Detail]) -> list[Difference]:
    """Return the differences in the order of `after`; removed details come last."""
    removed = {detail.key: detail for detail in before}
    changed = []
    for detail in after:
        was = removed.pop(detail.key, None)
        if was is None:
            changed.append(Difference(detail.label, "", detail.text))
        elif was.compared != detail.compared:
            changed.append(Difference(detail.label, was.text, detail.text))
    return [*changed, *(Difference(detail.label, detail.text, "") for detail in removed.values())]


def may_see(actor: Actor, turn: Turn, roles: Collection[str], deciders: Collection[int | None]) -> bool:
    """Allow the requester, everybody who decided a step, and everybody who could decide one."""
    if actor.id == turn.requester_id or actor.id in deciders:
        return True
    return any(may_decide(actor, replace(turn, role=role, deciders=frozenset())) for role in roles)
