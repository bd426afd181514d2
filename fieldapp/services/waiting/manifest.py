"""The manifest of waiting records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.manifest import FeatureManifest, Panel
from fieldapp.platform.commandbus import WHEN_HELD, Due
from fieldapp.services.approvals import INBOX_COUNTS, INBOX_SECTIONS
from fieldapp.services.settings import value
from fieldapp.services.waiting.queries import cards, count_query, overdue


def _section(actor: Actor) -> Iterable[Panel]:
    if overdue(actor):
        yield Panel("services/waiting/_inbox.html", {"cards": cards(actor)})


def _expires(op: str, received_at: datetime) -> Due:
    """Ask a person after so many days as the setting says on the day of arrival."""
    days = int(value("waiting.days", received_at))
    return Due("waiting_record.expire", op, ("waiting_record", op), received_at + timedelta(days=days))


manifest = FeatureManifest(
    grants={
        "leader": ("waiting_record.accept", "waiting_record.reject"),
        "manager": ("waiting_record.accept", "waiting_record.reject"),
        "system": ("waiting_record.expire",),
    },
    provides=(
        WHEN_HELD.by(_expires),
        INBOX_COUNTS.by(count_query),
        INBOX_SECTIONS.by(_section),
    ),
)
