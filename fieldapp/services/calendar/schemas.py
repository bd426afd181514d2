"""Forms of the working calendar."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from fieldapp.platform.web.fields import Form, Id, choice, long_text, text, whole
from fieldapp.platform.web.fields import day as day_field

KINDS = (("holiday", _l("Holiday")), ("make_up", _l("Make-up day")), ("shifts", _l("Own shifts")))
_REASON = _l("Such as the official notice")
_SHIFTS = _l("Such as 08:30-12:00, 13:00-17:30. 22:00-06:00 ends on the next day.")
#: Days that one entry may cover.
MOST_DAYS = 31
MOST_GROUP = 2_147_483_647


class SetDays(Form):
    """One day, or days in a row, that differ from their weekday."""

    id = Id(required=True)
    day = day_field(_l("Day"), required=True, earliest_days=-3660, latest_days=1461)
    until = day_field(_l("Last day, if it is several"), earliest_days=-3660, latest_days=1461)
    kind = choice(_l("What kind of day"), KINDS, required=True, widget="seg")
    shifts = text(_l("Shifts"), max=100, hint=_SHIFTS, show_when="kind=shifts", needed=True)
    label = text(_l("Name"), max=60, required=True)
    group_id = whole(_l("Only for a group"), min=1, max=MOST_GROUP, widget="select")
    reason = long_text(_l("Reason"), max=500, required=True, hint=_REASON)


class RemoveDay(Form):
    """A day that follows its weekday again."""

    id = Id(required=True)
    day = day_field("", required=True, widget="hidden")
    group_id = whole("", min=1, max=MOST_GROUP, widget="hidden")
    reason = long_text(_l("Reason"), max=500, required=True)


class SetWeek(Form):
    """The shifts of a usual week; a day without any is free."""

    id = Id(required=True)
    monday = text(_l("Monday"), max=100, hint=_SHIFTS)
    tuesday = text(_l("Tuesday"), max=100)
    wednesday = text(_l("Wednesday"), max=100)
    thursday = text(_l("Thursday"), max=100)
    friday = text(_l("Friday"), max=100)
    saturday = text(_l("Saturday"), max=100)
    sunday = text(_l("Sunday"), max=100)
    reason = long_text(_l("Reason"), max=500, required=True)


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
