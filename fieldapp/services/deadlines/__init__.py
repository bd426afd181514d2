"""Deadlines of all features: events in, state and due work out (D-SLA-1, D-SLA-2, D-SLA-5, D-SLA-7).

A feature provides a `DeadlineKind` for DEADLINE_KINDS, opens a deadline with `open_deadline` and records what happens
to its subject with `record`, both inside a command.
"""

from fieldapp.services.deadlines.calendars import AROUND_THE_CLOCK_ID, calendar_of, current_calendar_id
from fieldapp.services.deadlines.events import open_deadline, record
from fieldapp.services.deadlines.extension_points import DEADLINE_KINDS, DeadlineKind
from fieldapp.services.deadlines.queries import deadlines_of

__all__ = [
    "AROUND_THE_CLOCK_ID",
    "DEADLINE_KINDS",
    "DeadlineKind",
    "calendar_of",
    "current_calendar_id",
    "deadlines_of",
    "open_deadline",
    "record",
]
