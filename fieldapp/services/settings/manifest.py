"""The manifest of settings."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.web.extension_points import LINKS, Entry

manifest = FeatureManifest(
    grants={
        "admin": ("setting.change", "setting.correct", "setting.withdraw"),
    },
    provides=(
        LINKS.by(
            Entry(
                "settings",
                _l("Settings"),
                "/settings",
                "setting.change",
                order=80,
                icon="settings",
                hint=_l("Numbers and limits of the rule book"),
            )
        ),
    ),
)
