"""Who decides about an expired held record."""

from __future__ import annotations

from dataclasses import dataclass

from fieldapp.kernel.actor import Actor


@dataclass(frozen=True)
class Author:
    """Author of a record: their groups, and those of them that somebody else leads."""

    id: int
    groups: frozenset[int] = frozenset()
    led: frozenset[int] = frozenset()


def may_decide(actor: Actor, author: Author) -> bool:
    """The leader of the author's group; a manager if nobody else leads it; never the author (D-ROLE-1)."""
    if actor.id == author.id:
        return False
    return bool(author.groups & actor.leads) or ("manager" in actor.roles and not author.led)
