"""How everything here is measured: rounds of A, B, floor in turn; medians of the ratios of each round."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

#: One burst of work on what was prepared for it; gives back how many operations it did.
Work = Callable[[Any], int]
#: CPU seconds used so far by whatever does the work.
Meter = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One line of the results. `holds` is None where there is no budget, only a figure to know."""

    what: str
    measured: str
    budget: str = ""
    holds: bool | None = None


@dataclass(frozen=True)
class Burst:
    """What one operation took in one round, in microseconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Contender:
    """Something to measure, whose CPU it uses, and what is made ready before the watch starts."""

    work: Work
    meter: Meter = time.process_time
    prepare: Callable[[], Any] = lambda: None


def interleave(rounds: int, contenders: dict[str, Contender], warm: int = 1) -> dict[str, list[Burst]]:
    """Runs every contender once a round, always in the same order; the first `warm` rounds do not count."""
    taken: dict[str, list[Burst]] = {name: [] for name in contenders}
    for number in range(warm + rounds):
        for name, contender in contenders.items():
            burst = _burst(contender)
            if number >= warm:
                taken[name].append(burst)
    return taken


def _burst(contender: Contender) -> Burst:
    ready = contender.prepare()
    cpu, wall = contender.meter(), time.perf_counter()
    count = contender.work(ready)
    wall, cpu = time.perf_counter() - wall, contender.meter() - cpu
    return Burst(wall / count * 1e6, cpu / count * 1e6)


def ratio(taken: dict[str, list[Burst]], ours: str, floor: str, of: str = "cpu") -> float:
    """The median over the rounds of ours against the floor of the same round."""
    rounds = zip(taken[ours], taken[floor], strict=True)
    return float(median(getattr(a, of) / max(getattr(b, of), 1e-9) for a, b in rounds))


def middle(bursts: Sequence[Burst], of: str = "cpu") -> float:
    """The median of one contender, in microseconds."""
    return float(median(getattr(burst, of) for burst in bursts))


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of all lie; of few values the next one up."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def at_most(what: str, value: float, limit: float, unit: str, note: str = "") -> Row:
    """A row that holds while the value does not exceed its limit."""
    return Row(what, _said(value, unit, note), f"≤ {limit:,.4g}{unit}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str, note: str = "") -> Row:
    """A row that holds while the value reaches its limit."""
    return Row(what, _said(value, unit, note), f"≥ {limit:,.4g}{unit}", value >= limit)


def known(what: str, value: float, unit: str, note: str = "") -> Row:
    """A row without a budget."""
    return Row(what, _said(value, unit, note))


def _said(value: float, unit: str, note: str) -> str:
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
    return f"{digits}{unit}" + (f" ({note})" if note else "")


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown."""
    verdict = {True: "holds", False: "**over**", None: ""}
    lines = ["| what | measured | budget | |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.measured} | {row.budget} | {verdict[row.holds]} |" for row in rows]
    return "\n".join(lines)
