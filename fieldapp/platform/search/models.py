"""The search index. Both tables follow from the records; nothing in them is known only here."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fieldapp.kernel.findable import LONGEST
from fieldapp.platform.extensions import Model

# Compared by bytes, so that "begins with" is a range of the index in every locale.
_Key = String(LONGEST).with_variant(String(LONGEST, collation="C"), "postgresql")


class SearchKey(Model):
    """One way to begin a text of a record; `kind` is the record's table."""

    __tablename__ = "search_key"

    key: Mapped[str] = mapped_column(_Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    record: Mapped[str] = mapped_column(String(36), primary_key=True)

    __table_args__ = {"sqlite_with_rowid": False}


class SearchText(Model):
    """The whole texts of a record: `inside` is found by any part, `start` by its beginning; each after a newline."""

    __tablename__ = "search_text"

    record: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    inside: Mapped[str] = mapped_column(Text)
    start: Mapped[str] = mapped_column(Text)

    __table_args__ = {"sqlite_with_rowid": False}
