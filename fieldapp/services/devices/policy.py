"""Whose phones a person answers for (D-ROLE-1, D-CASH-2)."""

from __future__ import annotations

from collections.abc import Collection

from fieldapp.kernel.actor import Actor

#: Roles that answer for the phones of every group.
ALL_GROUPS = frozenset({"manager", "admin"})


def sees_all(actor: Actor) -> bool:
    """Whether the person answers for every phone there is."""
    return bool(actor.roles & ALL_GROUPS)


def oversees(actor: Actor, owner_groups: Collection[int]) -> bool:
    """Leaders answer for the phones of the groups they lead; managers and administrators for all."""
    return actor.active and (sees_all(actor) or not actor.leads.isdisjoint(owner_groups))


def may_look_after(actor: Actor, owner_id: int, owner_groups: Collection[int]) -> bool:
    """Signing a phone out, and ticking off what it lost: its owner, and whoever answers for it."""
    return actor.id == owner_id or oversees(actor, owner_groups)
