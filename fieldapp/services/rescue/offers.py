"""What rescue files offer the house: a link on the personal page of desks."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.offers import Entry, Offer

offer = Offer(
    grants={
        "agent": ("rescue.import",),
        "admin": ("rescue.import",),
    },
    links=(
        Entry(
            "rescue",
            _l("Rescue files"),
            "/rescue",
            "rescue.import",
            order=80,
            icon="download",
            hint=_l("Bring in what a phone could not send"),
        ),
    ),
)
