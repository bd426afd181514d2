"""The one list page: filters live in the URL, pages follow a key and never count rows (design §7, §8)."""

from __future__ import annotations

import base64
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from flask import request
from sqlalchemy import Select, bindparam, tuple_

from fieldapp.extensions import reading
from fieldapp.kernel import clock
from fieldapp.statements import Prepared

PAGE = 50


@dataclass(frozen=True)
class Filter:
    """One filter of a list. `widget`: `select`, `chips`, `text`, `month` or `date`; `apply(query, value)` narrows."""

    name: str
    label: Any
    apply: Callable[[Select[Any], str], Select[Any]]
    widget: str = "select"
    options: Sequence[tuple[str, Any]] | Callable[[], Sequence[tuple[str, Any]]] = ()
    default: str = ""

    def choices(self) -> list[tuple[str, Any]]:
        """The options, asked for now."""
        return list(self.options() if callable(self.options) else self.options)

    def value(self) -> str:
        """What the URL says, or the default; never longer than a person would type."""
        return request.args.get(self.name, self.default).strip()[:100]


@dataclass
class Page:
    """One page of rows, the filters with their values, and the address of the next page."""

    rows: list[Any]
    filters: Sequence[Filter]
    values: Mapping[str, str]
    next_url: str | None = None
    first: bool = True
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def filtered(self) -> bool:
        """Whether any filter differs from its default."""
        return any(self.values[one.name] != one.default for one in self.filters)

    def url(self, **changes: str) -> str:
        """This list with other filter values, from its start."""
        kept = {k: v for k, v in {**self.values, **changes}.items() if v}
        return f"{request.path}?{urlencode(kept)}" if kept else request.path


def narrowed(query: Select[Any], filters: Sequence[Filter]) -> Select[Any]:
    """The query with every filter of the URL applied; the same one the exports use."""
    for one in filters:
        value = one.value()
        if value:
            query = one.apply(query, value)
    return query


def list_page(
    query: Select[Any],
    *,
    keys: Sequence[Any],
    filters: Sequence[Filter] = (),
    descending: bool = True,
    size: int = PAGE,
    key_of: Callable[[Any], Sequence[Any]] | None = None,
    made_from: Hashable = None,
    given: Mapping[str, Any] | None = None,
) -> Page:
    """One page by keyset over `keys` (all in one direction, the last one unique).

    `key_of(row)` gives the key values of a row; by default its first columns, in the order of `keys`. Putting a
    query together costs more than asking it. Where `made_from` names all that it is made from besides the filters'
    values, it is done once; what differs from person to person is `given` for its parameters.
    """
    values = {one.name: one.value() for one in filters}
    after = _decode(request.args.get("after", ""), len(keys))

    names = [f"after_{place}" for place in range(len(keys))]

    def statement() -> Any:
        narrow = narrowed(query, filters)
        if after is not None:
            left = tuple_(*keys)
            right = tuple_(*(bindparam(name, type_=key.type) for name, key in zip(names, keys, strict=True)))
            narrow = narrow.where(left < right if descending else left > right)
        return narrow.order_by(*(key.desc() if descending else key.asc() for key in keys)).limit(size + 1)

    typed = any(values[one.name] for one in filters if one.widget == "text")
    given = {**(given or {}), **dict(zip(names, after or (), strict=False))}
    # Lists are made of columns: without what the session does for records, asking costs half.
    connection = reading()
    if made_from is not None and not typed:
        prepared = _kept((made_from, descending, size, after is None, *values.items()), statement)
        rows: list[Any] = prepared.rows(connection, **given)
    else:
        rows = list(connection.execute(statement(), given).all())
    more, rows = len(rows) > size, rows[:size]
    page = Page(rows, filters, values, first=after is None)
    if more:
        pick = key_of or (lambda row: row[: len(keys)])
        kept = {k: v for k, v in values.items() if v}
        page.next_url = f"{request.path}?{urlencode({**kept, 'after': _encode(pick(rows[-1]))})}"
    return page


#: Queries kept in a process.
KEPT = 200
_statements: OrderedDict[Hashable, Prepared] = OrderedDict()


def _kept(key: Hashable, statement: Callable[[], Any]) -> Prepared:
    """The query of this key, put together when it is first asked for."""
    found = _statements.get(key)
    if found is None:
        found = _statements[key] = Prepared(statement())
        while len(_statements) > KEPT:
            _statements.popitem(last=False)
    return found


def _encode(key: Sequence[Any]) -> str:
    plain = [
        {"t": clock.iso_exact(part)}
        if isinstance(part, datetime)
        else {"d": part.isoformat()}
        if isinstance(part, date)
        else part
        for part in key
    ]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _decode(text: str, length: int) -> tuple[Any, ...] | None:
    """The key in an address, or None where it is missing or nonsense (the list then starts at its start)."""
    if not text or len(text) > 500:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(parts, list) or len(parts) != length:
            return None
        return tuple(
            clock.parse_iso(p["t"])
            if isinstance(p, dict) and "t" in p
            else date.fromisoformat(p["d"])
            if isinstance(p, dict)
            else p
            for p in parts
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
