"""The manifest of approvals."""

from __future__ import annotations

import hashlib

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import Entry, FeatureManifest, PackEntry
from fieldapp.platform.extensions import MANIFESTS
from fieldapp.services.approvals.queries import inbox_count, waiting_ids


def _pack(actor: Actor) -> list[PackEntry]:
    # By ids: one decision less and another one more look the same to who counts. A case is one round.
    there = [*waiting_ids(actor), "", *MANIFESTS().inbox_ids(actor)]
    return [PackEntry("/inbox", hashlib.sha256("\n".join(sorted(there)).encode()).hexdigest()[:16])]


manifest = FeatureManifest(
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
