"""Differences between two versions of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """A field that differs. Rows are lists of mappings; other values are as they were sent."""

    name: str
    before: Any
    after: Any

    @property
    def gone(self) -> list[Any]:
        """Return the rows that were removed."""
        return [row for row in self.before or [] if row not in (self.after or [])]

    @property
    def new(self) -> list[Any]:
        """Return the rows that were added."""
        return [row for row in self.after or [] if row not in (self.before or [])]


def changes(before: Mapping[str, Any], after: Mapping[str, Any], order: Sequence[str]) -> list[Change]:
    """Return the differing fields in the given order. Empty and missing are equal."""
    return [
        Change(name, before.get(name), after.get(name))
        for name in order
        if (before.get(name) or None) != (after.get(name) or None)
    ]
