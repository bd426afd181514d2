"""The manifest of approvals."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.grants import EVERYONE
from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.web.extension_points import PACK, TABS, Entry
from fieldapp.services.approvals.queries import inbox_count

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
        PACK.by(lambda actor: ["/inbox"]),
    ),
)
