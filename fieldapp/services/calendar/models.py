"""Versions of the working calendar. Rows are added, never changed: a deadline names the version it was counted by."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class CalendarVersion(Model):
    """One change of the calendar. `week` holds the shifts of Monday to Sunday as texts where the change set them."""

    __tablename__ = "calendar"

    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    record_id: Mapped[str] = mapped_column(String(36), unique=True)
    week: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), default=None)
    reason: Mapped[str] = mapped_column(Text, default="")
    recorded_by: Mapped[int] = mapped_column(ForeignKey("user.id"))
    recorded_at: Mapped[datetime] = mapped_column(Moment)


class CalendarDay(Model):
    """What a version says of one day, of the company or of a group: `holiday`, `make_up`, `shifts` or `removed`."""

    __tablename__ = "calendar_day"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[int] = mapped_column(ForeignKey("calendar.version"))
    day: Mapped[date] = mapped_column(Date)
    group_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"), default=None)
    kind: Mapped[str] = mapped_column(String(10))
    shifts: Mapped[str] = mapped_column(String(100), default="")
    label: Mapped[str] = mapped_column(String(60), default="")

    __table_args__ = (Index("ix_calendar_day_version", "version", "day"),)
