"""Grants and entry of settings, and their check."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.offers import Entry, Offer

offer = Offer(
    grants={
        "admin": ("setting.change", "setting.correct", "setting.withdraw"),
    },
    links=(
        Entry(
            "settings",
            _l("Settings"),
            "/settings",
            "setting.change",
            order=80,
            icon="settings",
            hint=_l("Numbers and limits of the rule book"),
        ),
    ),
)
