"""Forms of the phone commands."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, counter, long_text


class SignOut(Form):
    """Owner of the phone, and the reason."""

    user_id = counter()
    reason = long_text(_l("Reason"), max=300, hint=_l("For example: lost on the way, given back, sold."))


class Acknowledge(Form):
    """Owner of the phone, and the number of missing records shown."""

    user_id = counter()
    count = counter()
