"""Held records about which a person is asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class ExpiredRecord(Model):
    """A record that waited too long, with its author. It counts as long as its receipt is held."""

    __tablename__ = "expired_record"

    op: Mapped[str] = mapped_column(ForeignKey("receipt.op"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("actor.id"), index=True)
    expired_at: Mapped[datetime] = mapped_column(Moment)
