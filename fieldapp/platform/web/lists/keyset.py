"""The order of a list, and the place in it where the next page begins.

A cursor names its list and order and holds the keys of the last row, each of its column's type; anything else gives
the first page. A cursor of personal keys (a name, a telephone) holds the record's id only, since addresses are logged:
the keys are read again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import request
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Date,
    DateTime,
    Integer,
    Select,
    String,
    and_,
    case,
    literal,
    or_,
    tuple_,
)
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeDecorator

from fieldapp.kernel import clock
from fieldapp.platform.database import Money
from fieldapp.platform.web import inputs

#: A longer text is no cursor.
LONGEST_CURSOR = 1000
#: A longer text in a key is cut in the cursor of none of our lists.
LONGEST_KEY = 255


@dataclass(frozen=True, eq=False)
class Key:
    """One key of an order. Where it is `nullable`, rows without a value come last, whatever the direction."""

    column: Any
    descending: bool = False
    nullable: bool = False
    personal: bool = False


@dataclass(frozen=True, eq=False)
class Sort:
    """An order that a list offers. The last key is unique and never NULL."""

    name: str
    label: Any
    keys: tuple[Key, ...]

    @property
    def personal(self) -> bool:
        """Whether a key must not stand in an address."""
        return any(key.personal for key in self.keys)

    def order_by(self) -> list[ColumnElement[Any]]:
        """Return the order for the database; rows without a value come last on both."""
        return [part.desc() if descending else part.asc() for part, descending in self._parts()]

    def labelled(self) -> list[Any]:
        """Return the keys as columns of their own, read along with each row."""
        return [key.column.label(_label(place)) for place, key in enumerate(self.keys)]

    def values_of(self, row: Any) -> list[Any]:
        """Return the keys of a row that was read with `labelled`."""
        return [getattr(row, _label(place)) for place in range(len(self.keys))]

    def after(self, values: Sequence[Any]) -> ColumnElement[bool]:
        """Return the condition for rows behind the one with these keys.

        Keys of one direction are compared as a row value, which an index serves. Mixed directions and NULLs need the
        expanded form: first key behind, or equal and second key behind, and so on.
        """
        directions = {key.descending for key in self.keys}
        if len(directions) == 1 and not any(key.nullable for key in self.keys):
            left = tuple_(*(key.column for key in self.keys))
            right = tuple_(*(literal(value, key.column.type) for key, value in zip(self.keys, values, strict=True)))
            return left < right if directions == {True} else left > right
        branches: list[ColumnElement[bool]] = []
        equal: list[ColumnElement[bool]] = []
        expanded = zip(self._parts(), self._expanded(values), strict=True)
        for (part, descending), value in expanded:
            if value is None:
                # NULL after its flag: all rows here are alike in this key.
                equal.append(part.is_(None))
                continue
            bound = literal(value, part.type)
            branches.append(and_(*equal, part < bound if descending else part > bound))
            equal.append(part == bound)
        return or_(*branches)

    def _parts(self) -> Iterator[tuple[Any, bool]]:
        """Yield what is compared: a nullable key is led by a flag that puts NULL last."""
        for key in self.keys:
            if key.nullable:
                yield case((key.column.is_(None), 1), else_=0), False
            yield key.column, key.descending

    def _expanded(self, values: Sequence[Any]) -> Iterator[Any]:
        for key, value in zip(self.keys, values, strict=True):
            if key.nullable:
                yield int(value is None)
            yield value

    # -- cursors -------------------------------------------------------------------------------------------------

    def cursor(self, row: Any, list_name: str = "") -> str:
        """Return the place of a row, for the address of the next page."""
        values = self.values_of(row)
        plain = [_plain(value) for value in (values[-1:] if self.personal else values)]
        text = json.dumps([self._mark(list_name), *plain])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def read(self, cursor: str, query: Select[Any], connection: Connection, list_name: str = "") -> list[Any] | None:
        """Return the keys that a cursor stands for.

        None where it is missing, nonsense, another list's, or names a record that `query` does not hold any more.
        """
        try:
            name, *parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (ValueError, TypeError, RecursionError):
            return None
        held = self.keys[-1:] if self.personal else self.keys
        if name != self._mark(list_name) or len(parts) != len(held):
            return None
        values: list[Any] = []
        for key, part in zip(held, parts, strict=True):
            value = None if part is None else _typed(key.column.type, part)
            if value is None and not (part is None and key.nullable):
                return None
            values.append(value)
        if not self.personal:
            return values
        # Of several lists' queries only the columns differ; ids of rows that went out of reach are not there.
        of_row = query.with_only_columns(*self.labelled()).where(self.keys[-1].column == values[0]).limit(1)
        row = connection.execute(of_row).first()
        return None if row is None else self.values_of(row)

    def _mark(self, list_name: str) -> str:
        """Return whose place a cursor is: that of one list at one address, in one order."""
        keys = [(getattr(key.column, "key", None), key.descending, key.nullable) for key in self.keys]
        told = repr((request.path, list_name, self.name, keys))
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def _label(place: int) -> str:
    return f"key_{place}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso_exact(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _typed(kind: Any, part: Any) -> Any:
    """Return a value as a column of this type may be compared with it, or None."""
    if isinstance(kind, Money):
        return _amount(part)
    kind = kind.impl if isinstance(kind, TypeDecorator) else kind
    if isinstance(part, str):
        return _read(kind, part)
    if isinstance(kind, Boolean):
        return part if isinstance(part, bool) else None
    if isinstance(kind, Integer) and type(part) is int:
        most = inputs.MOST_BIG if isinstance(kind, BigInteger) else inputs.MOST_INTEGER
        return part if abs(part) <= most else None
    return None


def _read(kind: Any, text: str) -> Any:
    if isinstance(kind, DateTime):
        return inputs.instant(text)
    if isinstance(kind, Date):
        return inputs.day(text)
    return text if isinstance(kind, String) and len(text) <= LONGEST_KEY and inputs.storable(text) else None


def _amount(part: Any) -> Decimal | None:
    """Return an amount that a column of money can hold, or None."""
    try:
        value = Decimal(part) if isinstance(part, str) and len(part) <= 20 else None
    except InvalidOperation:
        return None
    return value if value is not None and value.is_finite() and abs(value) < 10**15 else None
