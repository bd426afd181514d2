"""The Add tab."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.extensions import OFFERS
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.offers import Entry, Offer, PackEntry


def _pack(actor: Actor) -> list[PackEntry]:
    tiles = OFFERS().tiles(actor)
    return [PackEntry("/add", ",".join(tile.key for tile in tiles))]


offer = Offer(tabs=(Entry("add", _l("Add"), "/add", "*.capture", order=20, icon="add"),), pack=_pack)
