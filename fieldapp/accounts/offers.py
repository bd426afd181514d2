"""What accounts offers the house."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.offers import Entry, Offer, PackEntry

offer = Offer(
    tabs=(Entry("me", _l("Me"), "/me", "me.view", order=90, icon="me"),),
    pack=lambda actor: _own_pages(actor),
)


def _own_pages(actor: Actor) -> list[PackEntry]:
    return [PackEntry("/me", f"{actor.name}:{sorted(actor.roles)}")]
