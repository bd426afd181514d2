"""Result of an instrument: one row of the published table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: `short` is what CI affords, `long` what is published.
Size = Literal["short", "long"]


@dataclass(frozen=True)
class Figure:
    """One published figure. `key` sorts and names the row (`01 sqlite`); `met`: the target was reached.

    `measured` and `target` are texts with numbers; `seed` makes the run repeatable (empty if nothing is random).
    """

    key: str
    what: str
    measured: str
    target: str
    met: bool
    seed: str = ""

    @property
    def cells(self) -> str:
        """Return the row of the table without date and machine."""
        held = "met" if self.met else "**missed**"
        return f"| {self.key} | {self.what} | {self.measured} | {self.target} | {held} | {self.seed} |"
