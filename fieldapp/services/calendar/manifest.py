"""The manifest of the working calendar. The demo has the official days of 2026."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.extensions import DEMO
from fieldapp.platform.web.extension_points import LINKS, Entry
from fieldapp.services.calendar.demo import fill_calendar

manifest = FeatureManifest(
    grants={"admin": ("calendar.set_days", "calendar.remove_day", "calendar.set_week")},
    provides=(
        LINKS.by(
            Entry(
                "calendar",
                _l("Working calendar"),
                "/calendar",
                "calendar.set_days",
                order=79,
                icon="calendar",
                hint=_l("Holidays, make-up days, shifts"),
            )
        ),
        DEMO.by(fill_calendar, order=5),
    ),
)
