"""Figure 12: random schedules of everything that happens to a phone, compared with the invariants I1-I8.

The schedules, the oracle and the invariants are in tests/client/model*.ts; here they run in shards with seeds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.faults.figures import Figure, Size
from tests.faults.support import node
from tests.faults.support.seeds import seeded

SCHEDULES: dict[Size, int] = {"short": 200, "long": 10_000}
SIDE_BY_SIDE = 2
SHARD = 250


def run(size: Size) -> Iterator[Figure]:
    """Yield the figure of the client engine's model."""
    seed, chance = seeded("model")
    total = SCHEDULES[size]
    shard = min(SHARD, total // SIDE_BY_SIDE)
    seeds = [chance.randrange(2**31) for _ in range(total // shard)]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        shards = list(pool.map(lambda shard_seed: _shard(shard_seed, shard), seeds))
    schedules_run = sum(schedules for schedules, _, _ in shards)
    saved = sum(records for _, records, _ in shards)
    broken = [failure for _, _, failure in shards if failure]
    measured = f"{schedules_run:,} schedules, {saved:,} saved records, {len(broken)} invariant breaks"
    yield Figure(
        key="12 engine",
        what="random schedules of save, edit, send, cut, kill, log in and out, deploy, clock, wipe, second tab",
        measured="; ".join([measured, *broken[:2]]),
        target=f"≥ {total:,} schedules, 0 breaks of I1-I8",
        met=not broken and schedules_run >= total,
        seed=seed,
    )


def _shard(seed: int, schedules: int) -> tuple[int, int, str]:
    """Return the number of schedules, the number of records, and the failure message (empty if none)."""
    process = node.start("model.test.ts", FAULT_SEED=str(seed), FAULT_RUNS=str(schedules))
    status, output = node.finished(process, seconds=60 + 2 * schedules)
    counted = re.search(r"model: seed \d+, (\d+) schedules, (\d+) saved", output)
    if status == 0 and counted:
        return int(counted[1]), int(counted[2]), ""
    error = re.search(r"(I\d[^\n]*|Error[^\n]*)", output)
    return 0, 0, f"FAULT_SEED={seed}: {error[1] if error else f'status {status}'}"[:300]
