"""The manifest of rescue files."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.web.extension_points import LINKS, Entry

manifest = FeatureManifest(
    grants={
        "agent": ("rescue.import",),
        "admin": ("rescue.import",),
    },
    provides=(
        LINKS.by(
            Entry(
                "rescue",
                _l("Rescue files"),
                "/rescue",
                "rescue.import",
                order=80,
                icon="download",
                hint=_l("Bring in what a phone could not send"),
            )
        ),
    ),
)
