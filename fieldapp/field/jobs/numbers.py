"""Job numbers: `W-261122-07` is the seventh job received on 22 November 2026."""

from __future__ import annotations

from fieldapp.field.jobs.models import Job
from fieldapp.platform.commandbus import Numbers

JOB_NUMBERS = Numbers("W", lambda: Job.number)
number_of = JOB_NUMBERS.of
next_number = JOB_NUMBERS.next
