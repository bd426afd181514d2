"""The manifest of approvals."""

from __future__ import annotations

import hashlib

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest, PackEntry
from fieldapp.platform.web.extension_points import PACK, TABS, Entry
from fieldapp.services.approvals.extension_points import inbox_ids
from fieldapp.services.approvals.queries import inbox_count, waiting_ids


def _pack(actor: Actor) -> list[PackEntry]:
    # By ids: one decision less and another one more look the same to who counts. A case is one round.
    there = [*waiting_ids(actor), "", *inbox_ids(actor)]
    return [PackEntry("/inbox", hashlib.sha256("\n".join(sorted(there)).encode()).hexdigest()[:16])]


manifest = FeatureManifest(
    grants={
        EVERYONE: ("inbox.view", "notice.dismiss"),
    },
    provides=(
        TABS.by(
            Entry(
                "inbox",
                _l("Inbox"),
                "/inbox",
                "inbox.view",
                order=30,
                icon="inbox",
                badge=inbox_count,
                home_for=("purchasing", "executive", "manager"),
            )
        ),
        PACK.by(_pack),
    ),
)
