"""What the sweeps of all servers know of time. The table of due work belongs to the command bus that writes it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.commandbus import DueWork
from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model

__all__ = ["DueWork", "ScheduleClock", "ScheduleServer"]


class ScheduleClock(Model):
    """The latest time that a sweep has seen, in one row; it never falls.

    `paused_at` is what the clock showed when it was found far ahead of `high_water` and nothing confirmed it.
    """

    __tablename__ = "schedule_clock"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    high_water: Mapped[datetime] = mapped_column(Moment)
    paused_at: Mapped[datetime | None] = mapped_column(Moment)


class ScheduleServer(Model):
    """When a server last looked for due work."""

    __tablename__ = "schedule_server"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    swept_at: Mapped[datetime] = mapped_column(Moment)
