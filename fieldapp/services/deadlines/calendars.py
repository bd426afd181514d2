"""The calendar of a deadline by its id: `always`, or a version of the company's and perhaps a group: `12`, `12:3`."""

from __future__ import annotations

from fieldapp.kernel.calendar import WorkingCalendar
from fieldapp.kernel.deadline import AROUND_THE_CLOCK
from fieldapp.services.calendar import working_calendar

#: The calendar of emergencies.
AROUND_THE_CLOCK_ID = "always"


def current_calendar_id(group_id: int | None = None) -> str:
    """Return the id of the calendar as it is now, of the company or of a group."""
    version = working_calendar(group_id).version
    return f"{version}" if group_id is None else f"{version}:{group_id}"


def calendar_of(calendar_id: str) -> WorkingCalendar:
    """Return the calendar with this id, as it was when the id was made. Raise ValueError."""
    if calendar_id == AROUND_THE_CLOCK_ID:
        return AROUND_THE_CLOCK
    version, _, group = calendar_id.partition(":")
    return working_calendar(int(group) if group else None, int(version))
