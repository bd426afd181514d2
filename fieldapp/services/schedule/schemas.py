"""Forms about due work."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, long_text


class Retry(Form):
    """Try parked work again; no fields."""


class GiveUp(Form):
    """Give parked work up, always with a reason."""

    reason = long_text(_l("Reason"), max=500, required=True)


class ConfirmClock(Form):
    """Say that the server's clock is right; no fields."""
