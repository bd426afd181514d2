"""With whom a view is shared, and who changes it. Imports no framework."""

from __future__ import annotations

from fieldapp.kernel.actor import Actor

ME = "me"


def audiences(actor: Actor) -> list[str]:
    """Return with whom a person may share a view: their groups and roles."""
    groups = [f"group:{group}" for group in sorted(actor.groups | actor.leads)]
    return [ME, *groups, *(f"role:{role}" for role in sorted(actor.roles))]


def sees_view(actor: Actor, owner_id: int, shared_with: str) -> bool:
    """Return whether a view is offered to a person: their own, and those shared with a group or role of theirs."""
    return owner_id == actor.id or (shared_with != ME and shared_with in audiences(actor))


def may_change_view(actor: Actor, owner_id: int) -> bool:
    """Return whether a person renames or deletes a view: its owner only."""
    return owner_id == actor.id
