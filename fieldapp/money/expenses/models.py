"""Expenses and the claims that contain them (D-EXP-1, D-EXP-5)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment, Money
from fieldapp.platform.extensions import Model

CLAIMED = text("claim_id IS NOT NULL")


class ExpenseClaim(Model):
    """A claim: draft → submitted → approved, returned, rejected or withdrawn.

    `month` is the list it belongs to: the month of its approval, before that the month of its submission (D-EXP-6).
    """

    __tablename__ = "expense_claim"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"))
    note: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(12))
    total: Mapped[Decimal] = mapped_column(Money)
    reason: Mapped[str | None] = mapped_column(Text)
    month: Mapped[str] = mapped_column(String(7))
    submitted_at: Mapped[datetime] = mapped_column(Moment)
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    ver: Mapped[int] = mapped_column(Integer, default=1)

    __table_args__ = (
        Index("ix_expense_claim_owner", "owner_id", "submitted_at", "id"),
        Index("ix_expense_claim_month", "month", "state", "id"),
    )


class ExpenseItem(Model):
    """One expense.

    `receipts` is the number of photos named with it, `warnings` the findings for the approver (D-EXP-3).
    """

    __tablename__ = "expense_item"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("group.id"))
    kind: Mapped[str] = mapped_column(String(20))
    amount: Mapped[Decimal] = mapped_column(Money)
    spent_on: Mapped[date] = mapped_column(Date)
    note: Mapped[str] = mapped_column(Text, default="")
    job_id: Mapped[str | None] = mapped_column(ForeignKey("job.id"))
    fapiao_code: Mapped[str] = mapped_column(String(20), default="")
    fapiao_number: Mapped[str] = mapped_column(String(30), default="")
    fapiao_amount: Mapped[Decimal | None] = mapped_column(Money)
    receipts: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[str] = mapped_column(String(12))
    claim_id: Mapped[str | None] = mapped_column(ForeignKey("expense_claim.id"))
    allowed_amount: Mapped[Decimal | None] = mapped_column(Money)
    cut_reason: Mapped[str | None] = mapped_column(Text)
    warnings: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    warned: Mapped[int] = mapped_column(Integer, default=0)
    captured_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)
    clock_doubt: Mapped[str | None] = mapped_column(String(12))
    ver: Mapped[int] = mapped_column(Integer, default=1)

    __table_args__ = (
        Index("ix_expense_item_owner", "owner_id", "state", "spent_on", "id"),
        Index("ix_expense_item_claim", "claim_id", "id", sqlite_where=CLAIMED, postgresql_where=CLAIMED),
        Index(
            "ix_expense_item_fapiao",
            "fapiao_number",
            sqlite_where=text("fapiao_number <> ''"),
            postgresql_where=text("fapiao_number <> ''"),
        ),
    )


class FapiaoHold(Model):
    """The claim that holds a fapiao, from submission until it is rejected or withdrawn (D-EXP-8).

    Capturing an expense holds nothing. Of two claims submitted concurrently only one can insert the row.
    """

    __tablename__ = "fapiao_hold"

    number: Mapped[str] = mapped_column(String(30), primary_key=True)
    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    claim_id: Mapped[str] = mapped_column(ForeignKey("expense_claim.id"), index=True)
