"""The manifest of waiting records."""

from __future__ import annotations

from collections.abc import Iterable

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import FeatureManifest, Panel
from fieldapp.services.approvals import INBOX_IDS, INBOX_SECTIONS
from fieldapp.services.waiting.queries import cards, overdue


def _section(actor: Actor) -> Iterable[Panel]:
    if overdue(actor):
        yield Panel("services/waiting/_inbox.html", {"cards": cards(actor)})


manifest = FeatureManifest(
    grants={
        "leader": ("waiting_record.accept", "waiting_record.reject"),
        "manager": ("waiting_record.accept", "waiting_record.reject"),
    },
    provides=(
        INBOX_SECTIONS.by(_section),
        INBOX_IDS.by(lambda actor: [row.op for row in overdue(actor)]),
    ),
)
