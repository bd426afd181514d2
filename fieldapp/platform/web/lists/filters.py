"""Filters of a list. Their values are parameters of the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, false

from fieldapp.platform.web import inputs


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
        """Return the options as they are now."""
        return list(self.options() if callable(self.options) else self.options)

    def value(self) -> str:
        """Return what the address says, or the default; never longer than a person would type."""
        return inputs.query(self.name, self.default)

    def typed(self) -> Any:
        """Return the value as `apply` wants it; None where the address holds none of this kind."""
        return self.read(self.value())

    def read(self, value: str) -> Any:
        """Return a text as `apply` wants it; None where it is none of this kind."""
        kind = self.holds or {"select": "choice", "chips": "choice"}.get(self.widget, self.widget)
        if kind == "choice":
            return value if any(value == str(option) for option, _ in self.choices()) else None
        readers: dict[str, Callable[[str], Any]] = {"number": inputs.whole, "month": inputs.month, "date": inputs.day}
        return readers[kind](value) if kind in readers else value


def narrowed(query: Select[Any], filters: Sequence[Filter], values: Mapping[str, str] | None = None) -> Select[Any]:
    """Apply every filter with its value in the address, or with `values`. A value of another kind finds nothing."""
    for chosen in filters:
        text = chosen.value() if values is None else values.get(chosen.name, "")
        if text:
            value = chosen.read(text)
            query = query.where(false()) if value is None else chosen.apply(query, value)
    return query
