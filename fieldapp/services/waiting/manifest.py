"""The manifest of waiting records."""

from __future__ import annotations

from collections.abc import Iterable

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import FeatureManifest, Panel
from fieldapp.services.waiting.queries import cards, overdue


def _section(actor: Actor) -> Iterable[Panel]:
    if overdue(actor):
        yield Panel("services/waiting/_inbox.html", {"cards": cards(actor)})


manifest = FeatureManifest(
    grants={
        "leader": ("waiting_record.accept", "waiting_record.reject"),
        "manager": ("waiting_record.accept", "waiting_record.reject"),
    },
    inbox_sections=_section,
    inbox_ids=lambda actor: [row.op for row in overdue(actor)],
)
