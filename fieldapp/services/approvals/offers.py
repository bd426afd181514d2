"""What approvals offer the house."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.offers import Entry, Offer
from fieldapp.services.approvals.queries import inbox_count

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
    pack=lambda actor: ["/inbox"],
)
