"""What is said about a phone."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, counter, long_text


class SignOut(Form):
    """Whose phone, and why."""

    user_id = counter()
    reason = long_text(_l("Reason"), max=300, hint=_l("For example: lost on the way, given back, sold."))


class Acknowledge(Form):
    """Whose phone, and how many missing records the person was shown."""

    user_id = counter()
    count = counter()
