"""Forms of the decisions."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, long_text


class Accept(Form):
    """Accept without the dependency; no fields."""


class Reject(Form):
    """Return to the author, always with a reason."""

    reason = long_text(_l("Reason"), max=500, required=True, hint=_l("The author gets the record back with it."))
