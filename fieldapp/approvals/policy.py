"""Who has to say yes, and who may (D-ROLE-1)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fieldapp.kernel.actor import Actor

#: Who decides instead of a role for a person who holds that role themselves.
NEXT_UP = {"leader": "manager", "manager": "executive", "purchasing": "manager", "executive": "manager"}

#: Roles that decide only for their own groups; the others decide for all.
OF_A_GROUP = frozenset({"leader"})


def chain(roles: Sequence[str], requester_roles: Collection[str]) -> list[str]:
    """The roles that decide, in order: a role the requester holds gives way to the next one up."""
    decided: list[str] = []
    for role in roles:
        actual = NEXT_UP[role] if role in requester_roles and role in NEXT_UP else role
        if actual not in decided:
            decided.append(actual)
    return decided


def may_decide(actor: Actor, requester_id: int, role: str | None, group_id: int) -> bool:
    """Whether it is this person's turn: the role is theirs (for that group), and it is not their own request."""
    if role is None or actor.id == requester_id or not actor.active:
        return False
    return group_id in actor.leads if role in OF_A_GROUP else role in actor.roles


def may_see(
    actor: Actor, requester_id: int, roles: Collection[str], group_id: int, deciders: Collection[int | None]
) -> bool:
    """Whether the case is any of this person's: they asked, decided a step, or hold a role that decides it."""
    if actor.id == requester_id or actor.id in deciders:
        return True
    return any(may_decide(actor, requester_id, role, group_id) for role in roles)
