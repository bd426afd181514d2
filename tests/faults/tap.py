"""Figure 13: from the tap on *send* to *saved on this phone*, with four photos and no network (benchmarks/tap.py)."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import tap
from tests.faults.figures import Figure, Size
from tests.faults.support.phones import apart


def run(size: Size) -> Iterator[Figure]:
    """The long form is held to the budget; the short one only to every word having come, wherever it runs."""
    rows = apart(lambda: tap.run(full=size == "long"))
    met = size == "short" or all(row.holds for row in rows if row.holds is not None)
    budgets = ", ".join(row.budget for row in rows if row.budget)
    yield Figure(
        "13 tap to saved",
        rows[0].what,
        "; ".join(row.measured for row in rows),
        budgets if size == "long" else "said each time",
        met,
    )
