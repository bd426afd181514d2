"""Let a test answer extension points beside the features."""

from __future__ import annotations

from typing import Any

from fieldapp.kernel.extension_points import Provisions


class Both:
    """What the features provide and what a test adds."""

    def __init__(self, known: Provisions, added: Provisions) -> None:
        self.known, self.added = known, added

    def of(self, point: Any) -> Any:
        return (*self.known.of(point), *self.added.of(point))

    def by_key(self, point: Any) -> Any:
        return {**self.known.by_key(point), **self.added.by_key(point)}
