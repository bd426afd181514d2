"""Who sees which group."""

from __future__ import annotations

from fieldapp.kernel.actor import Actor

#: Roles that see the members of every group.
_ALL_GROUPS = frozenset({"admin", "manager", "executive"})


def may_see_group(actor: Actor, group_id: int) -> bool:
    """Allow administrators, managers and executives; a leader sees the groups they lead or belong to."""
    person = actor.in_own_right
    return bool(person.roles & _ALL_GROUPS) or group_id in person.groups
