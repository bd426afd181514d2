"""Figure 8: responses of portals, proxies and broken servers are never taken for a receipt (failure modes 14-20).

The corpus is tests/client/bogus-replies.ts, the phone the engine in Node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.faults.figures import Figure, Size
from tests.faults.support import node

KINDS = 25


def run(size: Size) -> Iterator[Figure]:
    """Yield the figure; both sizes are the same, because nothing is random."""
    status, output = node.finished(node.start("bogus.ts"), seconds=300)
    report: dict[str, Any] = json.loads(output.splitlines()[-1]) if status == 0 else {"wrong": [output[-300:]]}
    kinds, wrong = report.get("kinds", 0), report["wrong"]
    measured = (
        f"{kinds} kinds, each one to five times in a row, {report.get('replies', 0)} replies: {len(wrong)} believed"
    )
    yield Figure(
        key="08",
        what="bogus replies to a push",
        measured="; ".join([measured, *wrong[:3]]),
        target=f"≥ {KINDS} kinds × 5, 0 taken for a receipt, each record arrives once in the end",
        met=kinds >= KINDS and not wrong,
    )
