"""Figure 1: the server is killed at every point of the write path while phones push through a bad network.

Failure modes 1, 2, 3, 5, 9, 46. The oracle reads the database: every record has one receipt with its hash, one audit
entry, and exactly the rows of its kind; `flask check` finds nothing.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.figures import Figure, Size
from tests.faults.support.phoenix import POINTS, Phoenix, rising
from tests.faults.support.proxy import BAD, Proxy, at_random, through
from tests.faults.support.pusher import Pusher
from tests.faults.support.seeds import seeded
from tests.faults.support.stories import Author, Comparison, held_against
from tests.faults.support.worlds import DATABASES, on


@dataclass(frozen=True)
class Dose:
    """Required number of faults, and the time limit."""

    records: int
    kills: int
    cuts: int
    seconds: float


DOSES: dict[Size, Dose] = {
    "short": Dose(records=400, kills=20, cuts=100, seconds=180),
    "long": Dose(records=20_000, kills=1_000, cuts=5_000, seconds=3_000),
}


def run(size: Size) -> Iterator[Figure]:
    """Yield one figure per database."""
    for key in DATABASES:
        yield measured(key, DOSES[size])


def measured(key: str, dose: Dose) -> Figure:
    """Let four people push at once until each record has its receipt and enough faults occurred."""
    seed, chance = seeded(f"server_kill {key}")
    with on(key) as made:
        cast = made.bench.cast
        people = (cast.tech, cast.tech2, cast.other_tech, cast.leader)
        each = {
            person: Author(made, person, random.Random(chance.random())).stories(dose.records // len(people))
            for person in people
        }
        began = time.monotonic()
        with (
            rising(made.folder, made.url, seed, POINTS) as server,
            through(server.port, at_random(BAD), seed) as proxy,
        ):
            until = began + dose.seconds
            pushers = [Pusher(made, person, proxy.port, records, seed, until) for person, records in each.items()]
            _run(pushers, server, proxy, dose)
            server.tell("calm")
        comparison = held_against(made, [record for records in each.values() for record in records])
    return _figure(key, dose, seed, comparison, pushers, server, proxy)


def _run(pushers: list[Pusher], server: Phoenix, proxy: Proxy, dose: Dose) -> None:
    for pusher in pushers:
        pusher.start()
    while any(pusher.is_alive() for pusher in pushers):
        if server.killed >= dose.kills and proxy.cuts >= dose.cuts:
            for pusher in pushers:
                pusher.enough.set()
        pushers[0].join(0.2)
    for pusher in pushers:
        pusher.join()


def _figure(
    key: str, dose: Dose, seed: str, comparison: Comparison, pushers: list[Pusher], server: Phoenix, proxy: Proxy
) -> Figure:
    total: Counter[str] = sum((pusher.count for pusher in pushers), Counter())
    wrong = [words for pusher in pushers for words in pusher.wrong]
    still_open = {record.op for pusher in pushers for record in pusher.open}
    # What a phone still holds when the time is over is late, not lost.
    lost = [words for words in comparison.lost if words.rpartition(" ")[2] not in still_open]
    records = sum(len(pusher.records) for pusher in pushers)
    kills = ", ".join(f"{point} {server.kills[point]}" for point in POINTS)
    enough = records >= dose.records and server.killed >= dose.kills and proxy.cuts >= dose.cuts
    measured = (
        f"{len(lost)} lost, {len(comparison.doubled)} doubled of {records:,} records; "
        f"{server.killed:,} kills ({kills}); {proxy.cuts:,} cuts; "
        f"{total['pushes']:,} pushes, {total['replayed']:,} results replayed; "
        f"{len(comparison.unsound)} faults by check"
    )
    if wrong or still_open or comparison.unsound:
        failures = [*wrong, *comparison.unsound, *lost, *comparison.doubled][:3]
        measured += f"; {len(still_open)} without receipt; {'; '.join(failures)}"
    return Figure(
        key=f"01 {key}",
        what=f"server killed while four phones push through cuts, {DATABASES[key]}",
        measured=measured,
        target=f"0 lost, 0 doubled; ≥ {dose.records:,} records, {dose.kills:,} kills, {dose.cuts:,} cuts",
        met=comparison.clean and enough and not wrong and not still_open,
        seed=seed,
    )
