"""Deadlines and their events. Everything but the events is derived from them (fieldapp/kernel/deadline.py)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class Deadline(Model):
    """A limit for one thing (`kind`) about one record, in one round, as its events leave it.

    `state`: running, paused, met, missed, cancelled; a missed one runs until `ended_at`. `generation` rises with every
    event; due work of an earlier one is overtaken. `warned_at` and `breached_at` are the times for which the warning
    and the breach were done, so that neither is repeated when events arrive late.
    """

    __tablename__ = "deadline"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(36))
    round: Mapped[int] = mapped_column(Integer, default=1)
    limit_s: Mapped[int] = mapped_column(Integer, default=0)
    calendar_id: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10), default="running")
    started_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    warn_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    used_s: Mapped[int] = mapped_column(Integer, default=0)
    paused_s: Mapped[int] = mapped_column(Integer, default=0)
    off_s: Mapped[int] = mapped_column(Integer, default=0)
    missed_s: Mapped[int] = mapped_column(Integer, default=0)
    fixed_by_hand: Mapped[bool] = mapped_column(Boolean, default=False)
    generation: Mapped[int] = mapped_column(Integer, default=0)
    warned_at: Mapped[datetime | None] = mapped_column(Moment)
    breached_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        UniqueConstraint("subject_type", "subject_id", "kind", "round"),
        Index("ix_deadline_state", "state", "due_at"),
    )


class DeadlineEvent(Model):
    """What happened when. Rows are added, never changed. `value` is a limit or a date, by the kind of the event."""

    __tablename__ = "deadline_event"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    deadline_id: Mapped[str] = mapped_column(ForeignKey("deadline.id"), index=True)
    at: Mapped[datetime] = mapped_column(Moment)
    kind: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(200), default="")
    value: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    op: Mapped[str] = mapped_column(String(36))
