"""The Add tab."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import Entry, FeatureManifest, PackEntry
from fieldapp.platform.extensions import MANIFESTS


def _pack(actor: Actor) -> list[PackEntry]:
    tiles = MANIFESTS().tiles(actor)
    return [PackEntry("/add", ",".join(tile.key for tile in tiles))]


manifest = FeatureManifest(
    grants={
        EVERYONE: ("outbox.view",),
        "technician": ("add.view",),
        "leader": ("add.view",),
    },
    tabs=(Entry("add", _l("Add"), "/add", "add.view", order=20, icon="add"),),
    pack=_pack,
)
