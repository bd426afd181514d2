"""What a feature declares of itself in `manifest.py` (docs/architecture.md, docs/adr/0033)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fieldapp.kernel.extension_points import Provided
from fieldapp.kernel.grants import RoleVerbs


@dataclass(frozen=True, eq=False)
class FeatureManifest:
    """What a feature declares of itself; at most one in a feature.

    `grants` gives exact verbs to roles; a verb that nobody grants is nobody's (D-ROLE-5). `provides` answers extension
    points, each declared by the package that asks: `JOB_PANELS.by(panels)`.
    """

    grants: RoleVerbs = field(default_factory=dict)
    provides: Sequence[Provided[Any]] = ()


@dataclass(frozen=True)
class Panel:
    """Something a feature shows on another's page: a template and what it needs."""

    template: str
    context: dict[str, Any]
    order: int = 50
    #: What the record is, in words, with the name of who asks: what a decision about it says was decided.
    about: Callable[[str], str] = str


def in_order(panels: Iterable[Panel]) -> list[Panel]:
    """Return panels of several features in the order in which a page shows them."""
    return sorted(panels, key=lambda panel: (panel.order, panel.template))
