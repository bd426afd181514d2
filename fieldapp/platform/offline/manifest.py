"""The Add tab."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest, PackEntry
from fieldapp.platform.web.extension_points import PACK, TABS, TILES, Entry


def _pack(actor: Actor) -> list[PackEntry]:
    tiles = TILES.open_to(actor)
    return [PackEntry("/add", ",".join(tile.key for tile in tiles))]


manifest = FeatureManifest(
    grants={
        EVERYONE: ("outbox.view",),
        **dict.fromkeys(("technician", "leader", "finance", "manager", "executive"), ("add.view",)),
    },
    provides=(
        TABS.by(Entry("add", _l("Add"), "/add", "add.view", order=20, icon="add")),
        PACK.by(_pack),
    ),
)
