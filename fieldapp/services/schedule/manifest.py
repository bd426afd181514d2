"""The manifest of due work."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.web.extension_points import LINKS, Entry

manifest = FeatureManifest(
    grants={
        "admin": ("due_work.view", "due_work.retry", "due_work.give_up", "schedule.confirm_clock"),
    },
    provides=(
        LINKS.by(
            Entry(
                "due_work",
                _l("Scheduled work"),
                "/due-work",
                "due_work.view",
                order=85,
                icon="clock",
                hint=_l("What is due, late or could not be done"),
            )
        ),
    ),
)
