"""Asking the index."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, literal_column, or_, select

from fieldapp.platform.search.models import SearchKey, SearchText

#: Sorts behind whatever a key can go on with.
_LAST = "\U0010ffff"


def hits(key: str) -> Select[Any]:
    """`(kind, record)` of what is found by a text in its plain form: one range of the index."""
    found: Any = select(SearchKey.kind, SearchKey.record)
    narrowed: Select[Any] = found.where(SearchKey.key >= key, SearchKey.key < key + _LAST)
    return narrowed


def told(key: str) -> Select[Any]:
    """A single 1 where a record's texts hold the key; to be narrowed to the records in question.

    For lists that meet these records anyway, and where so many are found that going through them costs more. To
    be compared as a scalar: a database may answer EXISTS by reading the whole table first.
    """
    # Keys are letters and digits: nothing in them means anything to LIKE.
    inside, start = SearchText.inside.like(f"%{key}%"), SearchText.start.like(f"%\n{key}%")
    return select(literal_column("1")).where(or_(inside, start)).limit(1)
