"""What a version says otherwise than the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """A field that differs. Rows come as lists of mappings, everything else as it was sent."""

    name: str
    before: Any
    after: Any

    @property
    def gone(self) -> list[Any]:
        """Rows that are no longer there."""
        return [row for row in self.before or [] if row not in (self.after or [])]

    @property
    def new(self) -> list[Any]:
        """Rows that were not there."""
        return [row for row in self.after or [] if row not in (self.before or [])]


def changes(before: Mapping[str, Any], after: Mapping[str, Any], order: Sequence[str]) -> list[Change]:
    """The differing fields in the given order; empty and missing are the same."""
    return [
        Change(name, before.get(name), after.get(name))
        for name in order
        if (before.get(name) or None) != (after.get(name) or None)
    ]
