"""What approvals offer the house."""

from __future__ import annotations

import hashlib

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.offers import Entry, Offer, PackEntry
from fieldapp.platform.extensions import OFFERS
from fieldapp.services.approvals.queries import inbox_count, waiting_ids


def _pack(actor: Actor) -> list[PackEntry]:
    # By ids: one decision less and another one more look the same to who counts. A case is one round.
    there = [*waiting_ids(actor), "", *OFFERS().inbox_ids(actor)]
    return [PackEntry("/inbox", hashlib.sha256("\n".join(sorted(there)).encode()).hexdigest()[:16])]


offer = Offer(
    grants={
        EVERYONE: ("inbox.view", "notice.dismiss"),
    },
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
