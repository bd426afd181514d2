"""Figure 13: from the tap on *send* to *saved on this phone*, with four photos, offline (benchmarks/tap.py)."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.harness import percentile
from benchmarks.tap import PHOTOS, taps
from tests.faults.figures import Figure, Size
from tests.faults.support.phones import apart

MIDDLE_MS, MOST_MS = 50, 150


def run(size: Size) -> Iterator[Figure]:
    """Compare the long form with the target; the short form only requires every message, on any machine."""
    painted, stored, bare, _ = apart(lambda: taps(full=size == "long"))
    half, most = median(painted), percentile(painted, 0.95)
    times = median(ours / floor for ours, floor in zip(painted, bare, strict=True))
    yield Figure(
        "13 tap to saved",
        f"tap to “saved on this phone” on the screen, {PHOTOS} photos, no network, {len(painted)} times",
        f"p50 {half:.1f} ms, p95 {most:.1f} ms; in both stores after {median(stored):.1f} ms; "
        f"{times:.2f} × a tap with a bare strict write ({median(bare):.1f} ms)",
        f"p50 ≤ {MIDDLE_MS} ms, p95 ≤ {MOST_MS} ms",
        size == "short" or (half <= MIDDLE_MS and most <= MOST_MS),
    )
