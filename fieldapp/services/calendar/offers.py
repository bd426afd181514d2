"""What the calendar offers: its grants, its entry, and the official days of 2026 for the demo."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.offers import Entry, Offer
from fieldapp.services.calendar.demo import fill_calendar

offer = Offer(
    grants={"admin": ("calendar.set_days", "calendar.remove_day", "calendar.set_week")},
    links=(
        Entry(
            "calendar",
            _l("Working calendar"),
            "/calendar",
            "calendar.set_days",
            order=79,
            icon="calendar",
            hint=_l("Holidays, make-up days, shifts"),
        ),
    ),
    demo=fill_calendar,
    demo_order=5,
)
