"""Policies that many commands share: who may do something to the loaded record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fieldapp.kernel.actor import Actor

Policy = Callable[[Actor, Any], bool]


def anybody(actor: Actor, record: Any) -> bool:
    """Allow everybody who holds the verb."""
    return True


def author_only(column: str) -> Policy:
    """Return the policy that allows the person whose id the record holds in `column`."""

    def may(actor: Actor, record: Any) -> bool:
        """Allow the author."""
        return bool(getattr(record, column) == actor.id)

    return may


def author_or_new(column: str) -> Policy:
    """Return `author_only(column)` for a record that may not exist yet."""
    author = author_only(column)

    def may(actor: Actor, record: Any) -> bool:
        """Allow everybody for a new record, then its author."""
        return record is None or author(actor, record)

    return may
