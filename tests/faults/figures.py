"""What an instrument found: one row of the published table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: `short` is what CI affords, `long` what is published.
Size = Literal["short", "long"]


@dataclass(frozen=True)
class Figure:
    """One published figure. `key` sorts and names the row (`01 sqlite`); `met` says whether the target held.

    `measured` and `target` are words with numbers in them; `seed` makes the run repeatable ("" where chance plays
    no part).
    """

    key: str
    what: str
    measured: str
    target: str
    met: bool
    seed: str = ""

    @property
    def cells(self) -> str:
        """The row as it stands in the table, without its date and machine."""
        held = "met" if self.met else "**missed**"
        return f"| {self.key} | {self.what} | {self.measured} | {self.target} | {held} | {self.seed} |"
