"""What approvals offer the house."""

from __future__ import annotations

from flask import current_app
from flask_babel import lazy_gettext as _l

from fieldapp.approvals.queries import counts, inbox_count
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.offers import Entry, Offer, PackEntry


def _pack(actor: Actor) -> list[PackEntry]:
    waiting, unread = counts(actor)
    there = current_app.extensions["offers"].inbox_count(actor)
    return [PackEntry("/inbox", f"{waiting + unread + there}:{unread}")]


offer = Offer(
    tabs=(
        Entry(
            "inbox",
            _l("Inbox"),
            "/inbox",
            "inbox.view",
            order=30,
            icon="inbox",
            badge=inbox_count,
            home_for=("purchasing", "executive", "manager"),
        ),
    ),
    pack=_pack,
)
