"""Who has to say yes, and who may (D-ROLE-1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fieldapp.kernel.actor import Actor

#: Who decides instead of a role for a person who holds that role themselves.
NEXT_UP = {"leader": "manager", "manager": "executive", "purchasing": "manager", "executive": "manager"}

#: Roles that decide only for their own groups; the others decide for all.
OF_A_GROUP = frozenset({"leader"})


def chain(
    roles: Sequence[str], requester_roles: Collection[str], missing: Mapping[str, str] | None = None
) -> list[tuple[str, str | None]]:
    """Return the roles that decide, in order, each with the reason why it took the place of another.

    A role that the requester holds (`own`), or in which nobody can decide (`missing`: the reason by role), gives way
    to the next one up, as often as needed. Steps that come out the same are one.
    """
    decided: dict[str, str | None] = {}
    for role in roles:
        actual, why = role, None
        passed = set()
        while actual in NEXT_UP and actual not in passed:
            reason = "own" if actual in requester_roles else (missing or {}).get(actual)
            if reason is None:
                break
            passed.add(actual)
            actual, why = NEXT_UP[actual], why or reason
        decided.setdefault(actual, why)
    return list(decided.items())


def may_decide(actor: Actor, requester_id: int, role: str | None, group_id: int | None) -> bool:
    """Return whether it is this person's turn: the role is theirs (for that group), and not their own request."""
    if role is None or actor.id == requester_id or not actor.active:
        return False
    return group_id in actor.leads if role in OF_A_GROUP else role in actor.roles


# -- what was seen, and what changed since -----------------------------------------------------------------------


@dataclass(frozen=True)
class Detail:
    """One thing that is decided upon: `key` identifies it in every round, `text` is its value for people.

    `value` is compared; it is the text unless given. A signature has the same text however it was signed.
    """

    key: str
    label: str
    text: str
    value: Any = None

    @property
    def compared(self) -> Any:
        """The value that decides whether it changed."""
        return self.text if self.value is None else self.value


@dataclass(frozen=True)
class Difference:
    """A detail that differs between two rounds; `was` or `now` is empty where it was added or removed."""

    label: str
    was: str
    now: str


def differences(before: Sequence[Detail], after: Sequence[Detail]) -> list[Difference]:
    """Return what differs, in the order of `after`; what was removed comes last."""
    earlier = {one.key: one for one in before}
    found = []
    for one in after:
        was = earlier.pop(one.key, None)
        if was is None:
            found.append(Difference(one.label, "", one.text))
        elif was.compared != one.compared:
            found.append(Difference(one.label, was.text, one.text))
    return [*found, *(Difference(one.label, one.text, "") for one in earlier.values())]


def may_see(
    actor: Actor, requester_id: int, roles: Collection[str], group_id: int | None, deciders: Collection[int | None]
) -> bool:
    """Whether the case is any of this person's: they asked, decided a step, or hold a role that decides it."""
    if actor.id == requester_id or actor.id in deciders:
        return True
    return any(may_decide(actor, requester_id, role, group_id) for role in roles)
