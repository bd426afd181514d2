"""Entered values of settings, with two times (ADR 37)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class Setting(Model):
    """An entry for one setting, or for one row of a table. Rows are added, never changed.

    `act`: `change` and `correct` hold from `valid_from` on; `withdraw` takes back what was to hold from that day.
    `scope` is the row of a table (values of its key columns with `|` between them), else empty.
    """

    __tablename__ = "setting"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    key: Mapped[str] = mapped_column(String(60))
    scope: Mapped[str] = mapped_column(String(200), default="")
    act: Mapped[str] = mapped_column(String(10), default="change")
    value: Mapped[str] = mapped_column(String(200), default="")
    valid_from: Mapped[date] = mapped_column(Date)
    recorded_at: Mapped[datetime] = mapped_column(Moment)
    recorded_by: Mapped[int] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("ix_setting_key", "key", "valid_from"),)
