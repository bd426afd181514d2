"""Messages to administrators about due work."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

NOTICES = {
    "due_work.parked": _l("Could not be done and needs a decision: %(what)s"),
    "schedule.paused": _l(
        "The server's clock is far ahead of its last run. Scheduled work waits until the time is confirmed."
    ),
}
