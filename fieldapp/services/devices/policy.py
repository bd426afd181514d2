"""Who is responsible for whose phones (D-ROLE-1, D-CASH-2)."""

from __future__ import annotations

from collections.abc import Collection

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import State, States, Tone

#: Outcomes of a record that arrived after its author's account was closed.
OUTCOME = States(
    {
        "accepted": State("Received", Tone.GOOD),
        "held": State("Waits for another record", Tone.WAITING),
        "rejected": State("Refused", Tone.BAD),
        "conflict": State("Conflict", Tone.BAD),
    }
)

#: Roles that are responsible for the phones of every group.
ALL_GROUPS = frozenset({"manager", "admin"})


def sees_all(actor: Actor) -> bool:
    """Return whether the person is responsible for every phone."""
    return bool(actor.roles & ALL_GROUPS)


def oversees(actor: Actor, owner_groups: Collection[int]) -> bool:
    """Return whether the person is responsible for phones of an owner in these groups.

    Leaders are responsible for the groups they lead, managers and administrators for all.
    """
    return actor.active and (sees_all(actor) or not actor.leads.isdisjoint(owner_groups))


def may_manage(actor: Actor, owner_id: int, owner_groups: Collection[int]) -> bool:
    """Return whether the person may sign the phone out and acknowledge losses: its owner, or who oversees it."""
    return actor.id == owner_id or oversees(actor, owner_groups)
