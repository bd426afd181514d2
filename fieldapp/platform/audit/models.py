"""Tables of the audit log: entries in a chain, their contents beside it, the head."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.platform.database import Moment
from fieldapp.platform.extensions import Model

#: An integer key on SQLite is the row id; another type would need a second index.
_NUMBER = BigInteger().with_variant(Integer, "sqlite")


class AuditEntry(Model):
    """An entry of the audit log. Never changed; carries the hash of the entry before (D-AUD-1).

    `facts_c` and `personal_c` are commitments to the two parts of the contents (ADR 38).
    """

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=False)
    op: Mapped[str | None] = mapped_column(String(36))
    action: Mapped[str] = mapped_column(String(64))
    agg_type: Mapped[str] = mapped_column(String(40))
    agg_id: Mapped[str] = mapped_column(String(36))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("actor.id"))
    #: The principal of a deputy.
    on_behalf_of: Mapped[int | None] = mapped_column(ForeignKey("actor.id"))
    channel: Mapped[str | None] = mapped_column(String(10))
    dev: Mapped[str | None] = mapped_column(String(36))
    device_at: Mapped[datetime | None] = mapped_column(Moment)
    at: Mapped[datetime] = mapped_column(Moment)
    facts_c: Mapped[str] = mapped_column(String(64))
    #: None where the entry never had a personal part.
    personal_c: Mapped[str | None] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index("ix_audit_entry_agg", "agg_type", "agg_id"),)


class AuditContent(Model):
    """One part of an entry's contents: `body` is canonical JSON, `salt` random. Erasing deletes personal parts."""

    __tablename__ = "audit_content"

    entry_id: Mapped[int] = mapped_column(_NUMBER, ForeignKey("audit_entry.id"), primary_key=True, autoincrement=False)
    #: `facts` or `personal`.
    part: Mapped[str] = mapped_column(String(8), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    body: Mapped[str] = mapped_column(Text)

    # The key is the table's own order; a table with row numbers would need an index beside it.
    __table_args__ = ({"sqlite_with_rowid": False},)


class AuditHead(Model):
    """Number and hash of the last entry, in one row. Writers lock it to append to the audit log."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))
