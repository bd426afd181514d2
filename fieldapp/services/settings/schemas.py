"""How settings are changed, corrected and withdrawn."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, Id, day, long_text, text

#: Key columns that a table may have.
MOST_COLUMNS = 3


class Change(Form):
    """A new value from a day on. The rows' key values are those of a table's columns, in their order."""

    id = Id(required=True)
    key = text("", max=60, required=True, widget="hidden", personal=False)
    row_1 = text("", max=50, widget="hidden", personal=False)
    row_2 = text("", max=50, widget="hidden", personal=False)
    row_3 = text("", max=50, widget="hidden", personal=False)
    value = text(_l("New value"), max=200, required=True, inputmode="decimal", personal=False)
    valid_from = day(_l("Holds from"), required=True, earliest_days=0, latest_days=1825)
    reason = long_text(_l("Reason"), max=500, required=True)


class Correct(Change):
    """What should have held from a day of the past on."""

    value = text(_l("What should have applied"), max=200, required=True, inputmode="decimal", personal=False)
    valid_from = day(_l("Should have held from"), required=True, earliest_days=-3660, latest_days=0)


class Withdraw(Form):
    """A coming change taken back."""

    reason = long_text(_l("Reason"), max=500, required=True)
