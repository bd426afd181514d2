"""Demo data: China's public holidays and make-up days of 2026, as announced by the State Council on 4 November 2025."""

from __future__ import annotations

from typing import Any


def fill_calendar(book: Any) -> None:
    """Enter the days of data/calendar.json through the command bus."""
    for number, row in enumerate(book.data("calendar")["days"]):
        record = book.id("calendar", number)
        book.run("admin", "calendar.set_days", ("calendar", record), {"id": record, **row})
