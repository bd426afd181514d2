"""One page of a list by keyset: a page deep inside a list costs what the first one costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import g, request
from sqlalchemy import Select

from fieldapp.platform.extensions import reading
from fieldapp.platform.web import inputs
from fieldapp.platform.web.lists.filters import Filter, narrowed
from fieldapp.platform.web.lists.keyset import LONGEST_CURSOR, Key, Sort

PAGE = 50


@dataclass
class Page:
    """One page of rows, the filters with their values, and the address of the next page."""

    rows: list[Any]
    filters: Sequence[Filter]
    values: Mapping[str, str]
    next_url: str | None = None
    first: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    #: The query of all pages, narrowed by the filters: some filters ask the database how to narrow best.
    query: Any = None

    @property
    def filtered(self) -> bool:
        """Whether any filter differs from its default."""
        return any(self.values[one.name] != one.default for one in self.filters)

    def url(self, **changes: str) -> str:
        """Return the address of this list with other filter values, from its start."""
        kept = {k: v for k, v in {**self.values, **self.extra, **changes}.items() if v}
        return f"{request.path}?{urlencode(kept)}" if kept else request.path


def list_page(
    query: Select[Any],
    *,
    keys: Sequence[Any] | Sort,
    filters: Sequence[Filter] = (),
    descending: bool = True,
    size: int = PAGE,
    extra: Mapping[str, str] | None = None,
    name: str = "",
) -> Page:
    """Return one page of the rows of `query`, which must name its columns.

    `keys` are columns, all in one direction, or `Key`s; or a `Sort`. The last one is unique and never NULL. `extra`
    are further parameters that links within the list keep.
    """
    order = _sort(keys, descending)
    values = {one.name: one.value() for one in filters}
    cursor = inputs.query("after", most=LONGEST_CURSOR)
    # Lists are made of columns: without what the session does for records, asking costs half.
    connection = reading()
    after = order.read(cursor, query, connection, name) if cursor else None
    narrow = every = narrowed(query, filters)
    if after is not None:
        narrow = narrow.where(order.after(after))
    narrow = narrow.add_columns(*order.labelled()).order_by(*order.order_by()).limit(size + 1)
    rows: list[Any] = list(connection.execute(narrow).all())
    more, rows = len(rows) > size, rows[:size]
    page = Page(rows, filters, values, first=after is None, extra=dict(extra or {}), query=every)
    # Said above the list, wherever it is shown (platform/web/page.py).
    g.list_restarted = bool(cursor) and after is None
    if more:
        page.next_url = page.url(after=order.cursor(rows[-1], name))
    return page


def _sort(keys: Any, descending: bool) -> Sort:
    if isinstance(keys, Sort):
        return keys
    return Sort("", "", tuple(key if isinstance(key, Key) else Key(key, descending) for key in keys))
