"""How a figure is changed."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, Id, day, long_text, text


class Change(Form):
    """A figure's new value from a day on."""

    id = Id(required=True)
    key = text("", max=60, required=True, widget="hidden", personal=False)
    value = text(_l("New value"), max=20, required=True, inputmode="decimal", personal=False)
    effective_on = day(_l("Holds from"), required=True, earliest_days=0, latest_days=1825)
    reason = long_text(_l("Reason"), max=500, required=True)
