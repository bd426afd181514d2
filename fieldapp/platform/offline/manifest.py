"""The Add tab."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.web.extension_points import PACK, TABS, Entry

manifest = FeatureManifest(
    grants={
        EVERYONE: ("outbox.view",),
        **dict.fromkeys(("technician", "leader", "finance", "manager", "executive"), ("add.view",)),
    },
    provides=(
        TABS.by(Entry("add", _l("Add"), "/add", "add.view", order=20, icon="add")),
        PACK.by(lambda actor: ["/add"]),
    ),
)
