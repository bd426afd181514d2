"""Cases and their steps: a case is one request for approval, a step is one decision in it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment, Money
from fieldapp.platform.extensions import Model


class Case(Model):
    """One round of approval of a record. `state`: open, approved, returned, rejected, withdrawn.

    `waiting_role` and `group_id` say who decides next; `group_id` is null if the requester has no group. `ver` is
    the record's version and `shown` its content in this round; a decision about another one is a conflict.
    `written_at` is the author's time, `opened_at` the server's; `clock_doubt` says why the former is doubted.
    """

    __tablename__ = "approval_case"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(36))
    round: Mapped[int] = mapped_column(Integer)
    requester_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"))
    ver: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    shown: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    amount: Mapped[Decimal | None] = mapped_column(Money)
    state: Mapped[str] = mapped_column(String(12))
    waiting_role: Mapped[str | None] = mapped_column(String(20))
    opened_at: Mapped[datetime] = mapped_column(Moment)
    written_at: Mapped[datetime | None] = mapped_column(Moment)
    clock_doubt: Mapped[str | None] = mapped_column(String(12))
    closed_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        UniqueConstraint("subject_type", "subject_id", "round"),
        Index("ix_approval_case_inbox", "state", "waiting_role", "group_id", "opened_at"),
        Index("ix_approval_case_requester", "requester_id", "state"),
    )


class Step(Model):
    """One decision in a case. `state`: waiting, approved, returned, rejected.

    `why` says why the step went one level up: `own` (the requester has the role), `no_group`, `nobody` (no other
    leader).
    """

    __tablename__ = "approval_step"

    case_id: Mapped[str] = mapped_column(ForeignKey("approval_case.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(12))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    #: Whom the decider was deputy for.
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str | None] = mapped_column(Text)
    why: Mapped[str | None] = mapped_column(String(12))
