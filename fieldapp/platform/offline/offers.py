"""The Add tab."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.offers import Entry, Offer

offer = Offer(
    grants={
        EVERYONE: ("outbox.view",),
        "technician": ("add.view",),
        "leader": ("add.view",),
    },
    tabs=(Entry("add", _l("Add"), "/add", "add.view", order=20, icon="add"),),
    pack=lambda actor: ["/add"],
)
