"""Queries on the search index."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, literal_column, or_, select

from fieldapp.platform.search.models import SearchKey, SearchText

#: Sorts after every character that a key can contain.
_LAST = "\U0010ffff"


def hits(key: str) -> Select[Any]:
    """Return a query for `(kind, record)` of records found by a normalised text: one range of the index."""
    keys: Any = select(SearchKey.kind, SearchKey.record)
    query: Select[Any] = keys.where(SearchKey.key >= key, SearchKey.key < key + _LAST)
    return query


def matches(key: str) -> Select[Any]:
    """Return a query for a single 1 if a record's texts contain the key; narrow it to the record in question.

    For lists that join these records anyway and for keys with so many hits that reading them costs more. Compare it as
    a scalar: a database may answer EXISTS by reading the whole table first.
    """
    # Keys consist of letters and digits, so they contain no LIKE wildcards.
    inside, start = SearchText.inside.like(f"%{key}%"), SearchText.start.like(f"%\n{key}%")
    return select(literal_column("1")).where(or_(inside, start)).limit(1)
