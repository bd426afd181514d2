"""Table of phones: last reported state of each store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model


class Device(Model):
    """One epoch of one person's store on one phone, as last reported (failure modes 10, 31, 33, 45).

    `next_seq` is a high-water mark. `missing` are numbers of this store that neither arrived nor are on the phone;
    `missing_seen_at` is set by the owner, `missing_settled_at` by the leader. `dropped` are numbers whose records their
    author discarded. `copied_at` is set when the server notices that the store was copied to another phone or set back
    to an earlier state, so that its numbers name two records each. `revoked_at` is set on all epochs of a store at
    once.
    """

    __tablename__ = "device"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    dev: Mapped[str] = mapped_column(String(36))
    ep: Mapped[str] = mapped_column(String(8))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    build: Mapped[str] = mapped_column(String(64))
    display_mode: Mapped[str] = mapped_column(String(20))
    persisted: Mapped[bool | None] = mapped_column(Boolean)
    pending: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    next_seq: Mapped[int] = mapped_column(BigInteger, default=1)
    clock_offset_ms: Mapped[int | None] = mapped_column(BigInteger)
    first_seen_at: Mapped[datetime] = mapped_column(Moment)
    last_seen_at: Mapped[datetime] = mapped_column(Moment)
    unsent: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    oldest_at: Mapped[datetime | None] = mapped_column(Moment)
    dropped: Mapped[list[int] | None] = mapped_column(JSON)
    missing: Mapped[list[int] | None] = mapped_column(JSON)
    missing_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    missing_since: Mapped[datetime | None] = mapped_column(Moment)
    missing_seen_at: Mapped[datetime | None] = mapped_column(Moment)
    missing_settled_at: Mapped[datetime | None] = mapped_column(Moment)
    copied_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    __table_args__ = (
        UniqueConstraint("dev", "ep", "user_id"),
        Index("ix_device_user", "user_id"),
        Index("ix_device_recent", "last_seen_at", "id"),
    )
