"""Tables of the search index. Both are derived from the records and can be rebuilt."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.kernel.findable import LONGEST
from fieldapp.platform.extensions import Model

# Collation C compares bytes, so that a prefix search is one range of the index in every locale.
_Key = String(LONGEST).with_variant(String(LONGEST, collation="C"), "postgresql")


class SearchKey(Model):
    """One prefix key of a record; `kind` is the record's table."""

    __tablename__ = "search_key"

    key: Mapped[str] = mapped_column(_Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    record: Mapped[str] = mapped_column(String(36), primary_key=True)

    __table_args__ = {"sqlite_with_rowid": False}


class SearchText(Model):
    """All texts of a record, each after a newline: `inside` matches anywhere, `start` at its beginning."""

    __tablename__ = "search_text"

    record: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    inside: Mapped[str] = mapped_column(Text)
    start: Mapped[str] = mapped_column(Text)

    __table_args__ = {"sqlite_with_rowid": False}
