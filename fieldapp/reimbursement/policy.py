"""Who works with the list (D-EXP-6, D-AUD-2)."""

from __future__ import annotations

from fieldapp.kernel.actor import Actor

READERS = ("finance", "manager")


def may_read(actor: Actor) -> bool:
    """The verb alone does not say it: technicians may view many things, but not everybody's money."""
    return bool(actor.roles & set(READERS))
