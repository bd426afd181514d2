"""Who has to approve, and who may (D-ROLE-1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fieldapp.kernel.actor import Actor

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


def may_decide(actor: Actor, requester_id: int, role: str | None, group_id: int | None) -> bool:
    """Return whether the actor may decide now: has the role (for that group), and is not the requester."""
    if role is None or actor.id == requester_id or not actor.active:
        return False
    return group_id in actor.leads if role in GROUP_ROLES else role in actor.roles


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


def may_see(
    actor: Actor, requester_id: int, roles: Collection[str], group_id: int | None, deciders: Collection[int | None]
) -> bool:
    """Allow the requester, everybody who decided a step, and everybody who could decide one."""
    if actor.id == requester_id or actor.id in deciders:
        return True
    return any(may_decide(actor, requester_id, role, group_id) for role in roles)
