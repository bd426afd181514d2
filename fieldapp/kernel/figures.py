"""A figure of the rule book, as its feature declares it in figures.py."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`key` is `feature.name`; `default` a Decimal (yuan) or a whole number; `rule` its id in the rule book."""

    key: str
    label: Any
    default: Decimal | int
    rule: str
    unit: Any = ""
    low: Decimal | int = 0
    high: Decimal | int = 10_000_000

    def read(self, text: str) -> Decimal | int:
        """`text` as a value of this figure. Raises ValueError, ArithmeticError."""
        value: Decimal | int = Decimal(text) if isinstance(self.default, Decimal) else int(text)
        if not self.low <= value <= self.high:
            raise ValueError(f"{self.key} must lie between {self.low} and {self.high}")
        return value
