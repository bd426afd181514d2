"""The one list page: filters live in the URL, pages follow a key and never count rows (docs/adding-a-feature.md)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from flask import g, request
from sqlalchemy import BigInteger, Date, DateTime, Integer, Select, String, bindparam, false, tuple_
from sqlalchemy.types import TypeDecorator

from fieldapp.kernel import clock
from fieldapp.platform.database.statements import Prepared
from fieldapp.platform.extensions import reading
from fieldapp.platform.web import inputs

PAGE = 50
#: A cursor holds three short keys; whatever is longer is none of ours.
LONGEST_CURSOR = 500


@dataclass(frozen=True)
class Filter:
    """One filter of a list. `widget`: `select`, `chips`, `text`, `month` or `date`; `apply(query, value)` narrows.

    `holds` is what its value must be: one of the options (`choice`), a `number` (an id), a `month`, a `date` or `text`;
    by default what the widget gives. `apply` is only asked with such a value, a number as an `int`.
    """

    name: str
    label: Any
    apply: Callable[[Select[Any], Any], Select[Any]]
    widget: str = "select"
    options: Sequence[tuple[str, Any]] | Callable[[], Sequence[tuple[str, Any]]] = ()
    default: str = ""
    holds: str = ""

    def choices(self) -> list[tuple[str, Any]]:
        """The options, asked for now."""
        return list(self.options() if callable(self.options) else self.options)

    def value(self) -> str:
        """What the URL says, or the default; never longer than a person would type."""
        return inputs.query(self.name, self.default)

    def typed(self) -> Any:
        """The value as `apply` wants it; None where there is none of this kind: then nothing is found."""
        value, kind = self.value(), self.holds or {"select": "choice", "chips": "choice"}.get(self.widget, self.widget)
        if kind == "choice":
            return value if any(value == str(one) for one, _ in self.choices()) else None
        readers: dict[str, Callable[[str], Any]] = {"number": inputs.whole, "month": inputs.month, "date": inputs.day}
        return readers[kind](value) if kind in readers else value


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
        if one.value():
            value = one.typed()
            query = query.where(false()) if value is None else one.apply(query, value)
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
    cursor = inputs.query("after", most=LONGEST_CURSOR)
    after = _decode(cursor, keys, descending)

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
    # Said above the list, wherever it is shown (platform/web/page.py).
    g.list_restarted = bool(cursor) and after is None
    if more:
        pick = key_of or (lambda row: row[: len(keys)])
        kept = {k: v for k, v in values.items() if v}
        cursor = _encode(pick(rows[-1]), _list_name(keys, descending))
        page.next_url = f"{request.path}?{urlencode({**kept, 'after': cursor})}"
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


def _encode(key: Sequence[Any], name: str) -> str:
    """Where a page of this list ends, for the address of the next one."""
    plain = [
        clock.iso_exact(part) if isinstance(part, datetime) else part.isoformat() if isinstance(part, date) else part
        for part in key
    ]
    text = json.dumps([name, *plain])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _list_name(keys: Sequence[Any], descending: bool) -> str:
    """Whose place a cursor is: that of one list at one address, in one order."""
    told = repr((request.path, descending, [getattr(key, "key", None) for key in keys]))
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _decode(text: str, keys: Sequence[Any], descending: bool) -> tuple[Any, ...] | None:
    """The key in an address, each part of its column's type; None where it is missing, nonsense or another list's."""
    try:
        name, *parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, RecursionError):
        return None
    if name != _list_name(keys, descending) or len(parts) != len(keys):
        return None
    typed = tuple(_typed(key.type, part) for key, part in zip(keys, parts, strict=True))
    return None if None in typed else typed


def _typed(kind: Any, part: Any) -> Any:
    """A value as a column of this type may be compared with it, or None."""
    kind = kind.impl if isinstance(kind, TypeDecorator) else kind
    if isinstance(part, str):
        if isinstance(kind, DateTime):
            return inputs.instant(part)
        if isinstance(kind, Date):
            return inputs.day(part)
        return part if isinstance(kind, String) and len(part) <= 255 and inputs.storable(part) else None
    if isinstance(kind, Integer) and type(part) is int:
        most = inputs.MOST_BIG if isinstance(kind, BigInteger) else inputs.MOST_INTEGER
        return part if abs(part) <= most else None
    return None
