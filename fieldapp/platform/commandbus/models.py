"""Tables of the command bus: receipts, quarantine, attachments, field changes, notices, redirects of merged records."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model

WAITS = text("outcome = 'held'")
CORRECTED = text("superseded_by IS NOT NULL")
INACTIVE = text("author_inactive")
REFUSED = text("outcome <> 'accepted'")


class ActorRow(Model):
    """Who can do anything: a person, the system, a customer's link, a program's token (ADR 36).

    A person's account has the same number (`user.id`) and holds their name; `label` names the others.
    """

    __tablename__ = "actor"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    label: Mapped[str] = mapped_column(String(60), default="", server_default="")
    ends_at: Mapped[datetime | None] = mapped_column(Moment)

    #: No number is given out twice, also after the last actor was deleted.
    __table_args__ = ({"sqlite_autoincrement": True},)


class Receipt(Model):
    """One envelope with its outcome. Kept for at least two years (failure mode 7)."""

    __tablename__ = "receipt"

    op: Mapped[str] = mapped_column(String(36), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[int] = mapped_column(ForeignKey("actor.id"))
    #: The principal of a deputy.
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("actor.id"))
    dev: Mapped[str] = mapped_column(String(36))
    ep: Mapped[str] = mapped_column(String(8))
    seq: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(64))
    agg_type: Mapped[str] = mapped_column(String(40))
    agg_id: Mapped[str] = mapped_column(String(36))
    outcome: Mapped[str] = mapped_column(String(20))
    ref: Mapped[str | None] = mapped_column(String(40))
    ver: Mapped[int | None] = mapped_column(Integer)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    body: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(String(10))
    imported_by: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    #: When the envelope was written, by the corrected clock of the phone, and the reason for doubting that
    #: (platform/commandbus/written.py).
    device_at: Mapped[datetime] = mapped_column(Moment)
    clock_doubt: Mapped[str | None] = mapped_column(String(12))
    received_at: Mapped[datetime] = mapped_column(Moment)
    applied_at: Mapped[datetime | None] = mapped_column(Moment)
    supersedes: Mapped[str | None] = mapped_column(String(36))
    superseded_by: Mapped[str | None] = mapped_column(String(36))
    #: When the author's phone said that a refused record was discarded; nothing waits for it any more.
    discarded_at: Mapped[datetime | None] = mapped_column(Moment)
    #: The author's account was closed when the envelope arrived (failure mode 44).
    author_inactive: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    #: When the personal data of its record were erased: `body` holds the facts alone, `sha256` an HMAC of the digest
    #: under a key outside of the database (platform/commandbus/erasing.py).
    erased_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_receipt_device", "dev", "ep", "user_id", "seq"),
        # Partial indexes: few records wait, were corrected or refused.
        Index("ix_receipt_waiting", "user_id", sqlite_where=WAITS, postgresql_where=WAITS),
        Index("ix_receipt_superseded_by", "superseded_by", sqlite_where=CORRECTED, postgresql_where=CORRECTED),
        Index("ix_receipt_refused", "user_id", "received_at", sqlite_where=REFUSED, postgresql_where=REFUSED),
        Index("ix_receipt_inactive", "received_at", "op", sqlite_where=INACTIVE, postgresql_where=INACTIVE),
    )


class Quarantine(Model):
    """Bytes stored without a receipt: envelopes of another person, or with an id that is taken."""

    __tablename__ = "quarantine"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    op: Mapped[str | None] = mapped_column(String(36), index=True)
    sender_id: Mapped[int] = mapped_column(ForeignKey("actor.id"))
    reason: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(Moment)

    __table_args__ = (Index("ix_quarantine_sender", "sender_id", "received_at"),)


class Attachment(Model):
    """A file that a record names. The row is written with the record; the bytes may arrive later (failure mode 63).

    `state`: `expected` (named, nothing here), `partial`, `stored`, `refused` (here, but no picture we show),
    `lost` (the phone does not have it any more), `replaced` (another photo was added in its place).
    """

    __tablename__ = "attachment"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    op: Mapped[str | None] = mapped_column(String(36), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    agg_type: Mapped[str | None] = mapped_column(String(40))
    agg_id: Mapped[str | None] = mapped_column(String(36))
    role: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(255))
    mime: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[str] = mapped_column(String(12), default="expected")
    created_at: Mapped[datetime] = mapped_column(Moment)
    stored_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (
        Index("ix_attachment_agg", "agg_type", "agg_id"),
        Index("ix_attachment_state", "state", "user_id", "created_at"),
    )


class FieldChange(Model):
    """Who changed a field of a record last; without its value. Only for fields that a command compares (ADR 17)."""

    __tablename__ = "field_change"

    agg_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    agg_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    field: Mapped[str] = mapped_column(String(60), primary_key=True)
    #: The record's version after the change.
    ver: Mapped[int | None] = mapped_column(Integer)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("actor.id"))
    at: Mapped[datetime] = mapped_column(Moment)
    op: Mapped[str | None] = mapped_column(String(36))


class Notice(Model):
    """A message in a person's inbox. `params` fill in the sentence that a feature's notices.py gives for `kind`."""

    __tablename__ = "notice"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[str] = mapped_column(String(64))
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    url: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)

    __table_args__ = (Index("ix_notice_mine", "user_id", "read_at", "id"),)


class Redirect(Model):
    """The id that replaced the id of a merged record (failure mode 56)."""

    __tablename__ = "redirect"

    table: Mapped[str] = mapped_column("table_name", String(40), primary_key=True)
    from_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    to_id: Mapped[str] = mapped_column(String(36))
    at: Mapped[datetime] = mapped_column(Moment)
