"""Figure 3: the phone is killed at every named point of its engine, in every way (tests/client/crash-points.ts).

Failure modes 1-5, 10-12. The engine's source is read to ensure that no point is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.figures import Figure, Size
from tests.faults.support import node
from tests.faults.support.seeds import seeded

ENGINE = Path(__file__).resolve().parents[2] / "static" / "src" / "engine"
#: Runs at each point in each way, and in how many of them it must really have died there.
EACH: dict[Size, tuple[int, int]] = {"short": (2, 1), "long": (25, 20)}


def run(size: Size) -> Iterator[Figure]:
    """Yield the figure of the engine in Node; the same in a browser is another instrument."""
    seed, chance = seeded("crash_points")
    each, enough = EACH[size]
    process = node.start("crash-points.ts", FAULT_SEED=str(chance.randrange(2**31)), FAULT_RUNS=str(each))
    status, output = node.finished(process, seconds=120 + 120 * each)
    report: dict[str, Any] = (
        json.loads(output.splitlines()[-1]) if status == 0 else {"points": [], "wrong": [output[-300:]]}
    )
    points = {name for file in ENGINE.glob("*.ts") for name in re.findall(r'point\("([^"]+)"\)', file.read_text())}
    missed = points - set(report["points"])
    fired, least, undone = report.get("fired", 0), report.get("least", 0), report.get("undone", 0)
    measured = (
        f"{len(report['points'])} of {len(points)} points, {fired:,} deaths, at least {least} at each point and way,"
        f" {report.get('saved', 0):,} saved records, {undone:,} taken back"
    )
    measured += f", {len(report['wrong'])} promises broken"
    yield Figure(
        key="03 engine",
        what="every crash point of the engine × tab, other tab, browser killed, network cut",
        measured="; ".join([measured, *sorted(missed), *report["wrong"][:2]]),
        target=f"all points × 4 ways × ≥ {enough}: 0 lost, 0 doubled, 0 sent that was taken back",
        met=least >= enough and undone > 0 and not missed and not report["wrong"],
        seed=seed,
    )
