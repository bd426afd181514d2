"""The manifest of settings."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.manifest import Entry, FeatureManifest

manifest = FeatureManifest(
    grants={
        "admin": ("setting.change",),
    },
    links=(
        Entry(
            "settings",
            _l("Settings"),
            "/settings",
            "setting.change",
            order=80,
            icon="settings",
            hint=_l("Figures of the rule book"),
        ),
    ),
)
