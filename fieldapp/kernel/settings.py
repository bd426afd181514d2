"""Settings: their definitions, typed values and tables, and which entry holds for a record (D-SET-1). Pure.

An entry has two times: the day from which it holds, and the instant from which it is known. A record is judged by what
held on its day of writing as known at its instant of writing, so the answer does not depend on when it arrives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TypeVar

from fieldapp.kernel.money import FEN

Type = Literal["text", "whole", "amount", "percentage", "day", "time", "choice", "yes_no"]
#: The values of a table row's key columns in their order, "" for any. Settings that are no table have `()`.
Row = tuple[str, ...]
Value = TypeVar("Value")

#: Between the values of a row as it is stored.
BETWEEN = "|"
MOST_TEXT = 200
_NUMBER = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,9})?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True)
class Column:
    """A key column of a table: one of `choices` (value, words), or any text where there are none."""

    key: str
    label: Any
    choices: tuple[tuple[str, Any], ...] = ()

    def read(self, text: str) -> str:
        """Return `text` where this column takes it; "" is any. Raise ValueError."""
        if self.choices and text and text not in dict(self.choices):
            raise ValueError(f"{text} is no {self.key}")
        if BETWEEN in text or len(text) > MOST_TEXT // 4:
            raise ValueError(f"{self.key} cannot be {text[:MOST_TEXT]}")
        return text

    def words(self, text: str) -> Any:
        """Return how a value is called."""
        return dict(self.choices).get(text, text)


@dataclass(frozen=True)
class SettingDef:
    """Definition of a setting, in a feature's settings.py. `key` is `feature.name`, `rule` its id in the rule book.

    Numbers lie between `low` and `high`; a text has at most `high` characters. The type follows from `default` unless
    it is named. With `columns` it is a table: `rows` are its default rows, `default` applies where no row does.
    A change holds from the day after its entry at the earliest, or at once where `at_once` says so. `formerly` names
    old keys, each with the row that it has become.
    """

    key: str
    label: Any
    default: Any
    rule: str
    unit: Any = ""
    low: Decimal | int = 0
    high: Decimal | int = 10_000_000
    type: Type | None = None
    choices: tuple[tuple[str, Any], ...] = ()
    columns: tuple[Column, ...] = ()
    rows: Mapping[Row, Any] = field(default_factory=dict)
    at_once: bool = False
    formerly: Mapping[str, Row] = field(default_factory=dict)

    @property
    def kind(self) -> Type:
        """The type of the value; of a table, of its value column."""
        if self.type is not None:
            return self.type
        if isinstance(self.default, bool):
            return "yes_no"
        for one, kind in _TYPES.items():
            if isinstance(self.default, one):
                return kind
        raise TypeError(f"{self.key} has a default of no known type")

    @property
    def area(self) -> str:
        """The feature that declares it."""
        return self.key.partition(".")[0]

    def read(self, text: str) -> Any:
        """Return `text` as a value. Raise ValueError, ArithmeticError."""
        if len(text) > MOST_TEXT or not text:
            raise ValueError(f"{self.key} takes 1 to {MOST_TEXT} characters")
        value = _READ[self.kind](text)
        if self.kind == "text" and len(text) > self.high:
            raise ValueError(f"{self.key} is longer than {self.high}")
        if self.kind == "choice" and text not in dict(self.choices):
            raise ValueError(f"{text} is no choice of {self.key}")
        if self.kind in {"whole", "amount", "percentage"} and not self.low <= value <= self.high:
            raise ValueError(f"{self.key} must lie between {self.low} and {self.high}")
        return value

    def text(self, value: Any) -> str:
        """Return the text that `read` reads."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, Decimal):
            return f"{value:f}"
        if isinstance(value, time):
            return f"{value:%H:%M}"
        return value.isoformat() if isinstance(value, date) else str(value)

    def row(self, values: Sequence[str]) -> Row:
        """Return the row with these key values; missing ones are any. Raise ValueError."""
        if any(values[len(self.columns) :]):
            raise ValueError(f"{self.key} has {len(self.columns)} key columns")
        given = [*values, *[""] * len(self.columns)]
        return tuple(column.read(value) for column, value in zip(self.columns, given, strict=False))


def _amount(text: str) -> Decimal:
    value = Decimal(text) if _NUMBER.fullmatch(text) else Decimal("NaN")
    if not value.is_finite() or value != value.quantize(FEN):
        raise ValueError(f"{text} is no number with two places")
    return value


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise ValueError(f"{text} is no whole number")
    return int(text)


def _yes_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError(f"{text} is neither yes nor no")
    return text == "yes"


def _time(text: str) -> time:
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text} is no time of day")
    return time.fromisoformat(text)


def _day(text: str) -> date:
    if len(text) != len("2026-11-30"):
        raise ValueError(f"{text} is no day")
    return date.fromisoformat(text)


_TYPES: Mapping[type, Type] = {str: "text", int: "whole", Decimal: "amount", date: "day", time: "time"}
_READ: Mapping[Type, Callable[[str], Any]] = {
    "text": str,
    "choice": str,
    "whole": _whole,
    "amount": _amount,
    "percentage": _amount,
    "day": _day,
    "time": _time,
    "yes_no": _yes_no,
}


@dataclass(frozen=True)
class Entry:
    """One entered line: a `change` or `correct` with a value, or a `withdraw` of what was to come on `valid_from`."""

    valid_from: date
    recorded_at: datetime
    act: str
    text: str = ""
    id: str = ""


def in_force(entries: Iterable[Entry], day: date, known: datetime) -> Entry | None:
    """Return the entry that holds on `day` as known at `known`, or None for the default.

    `entries` are those of one setting and row, ordered by `(valid_from, recorded_at)`.
    """
    holding: list[Entry] = []
    for one in entries:
        if one.valid_from > day or one.recorded_at > known:
            continue
        if one.act == "withdraw":
            while holding and holding[-1].valid_from == one.valid_from:
                holding.pop()
        else:
            holding.append(one)
    return holding[-1] if holding else None


def exactness(row: Row) -> int:
    """Return how many key columns a row names."""
    return sum(map(bool, row))


def most_exact(rows: Mapping[Row, Value], asked: Row, default: Value) -> Value:
    """Return the value of the most exact row that fits: one that names more columns wins."""
    fitting = [row for row in rows if _fits(row, asked)]
    return rows[max(fitting, key=exactness)] if fitting else default


def _fits(row: Row, asked: Row) -> bool:
    return all(key in {"", value} for key, value in zip(row, asked, strict=True))


def tie(row: Row, others: Iterable[Row]) -> Row | None:
    """Return another row that is as exact as `row` and fits something that `row` fits, too."""
    for other in others:
        together = all(not one or not two or one == two for one, two in zip(row, other, strict=True))
        if other != row and together and exactness(other) == exactness(row):
            return other
    return None


@dataclass(frozen=True)
class Judged:
    """A record that a setting judged: its name, whose it is, when it was written and when it arrived."""

    title: str
    user_id: int
    written_at: datetime
    received_at: datetime | None = None


@dataclass(frozen=True, eq=False)
class JudgedRecords:
    """Which records the settings of `keys` judge: `find(since, until)` returns those written in between.

    Declared in a feature's settings.py. A correction of the past lists them.
    """

    keys: tuple[str, ...]
    find: Callable[[datetime, datetime], Iterable[Judged]]
