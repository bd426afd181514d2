"""Figures that differ from their defaults, each from a day on."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class Setting(Model):
    """A figure's value from `effective_on` until the next one, and why. Rows are added, never changed."""

    __tablename__ = "setting"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    key: Mapped[str] = mapped_column(String(60))
    value: Mapped[str] = mapped_column(String(40))
    effective_on: Mapped[date] = mapped_column(Date)
    reason: Mapped[str] = mapped_column(Text, default="")
    set_by: Mapped[int] = mapped_column(ForeignKey("user.id"))
    set_at: Mapped[datetime] = mapped_column(Moment)
    number: Mapped[int] = mapped_column(Integer, default=0)

    __table_args__ = (Index("ix_setting_key", "key", "effective_on"),)
