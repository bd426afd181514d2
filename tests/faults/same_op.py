"""Figure 6: eight simultaneous requests with the same record, many times (failure modes 3, 48)."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from tests.faults.figures import Figure, Size
from tests.faults.support.phoenix import rising
from tests.faults.support.seeds import seeded
from tests.faults.support.stories import Author, Frozen, held_against
from tests.faults.support.worlds import DATABASES, on

ROUNDS: dict[Size, int] = {"short": 25, "long": 500}
HANDS = 8


def run(size: Size) -> Iterator[Figure]:
    """Yield one figure per database."""
    for key in DATABASES:
        yield measured(key, ROUNDS[size])


def measured(key: str, rounds: int) -> Figure:
    """Send one record per round in eight requests; the kind changes from round to round."""
    seed, chance = seeded(f"same_op {key}")
    with on(key) as made:
        person = made.bench.cast.tech
        records = Author(made, person, random.Random(chance.random())).stories(rounds)
        headers = made.headers(person, **{"Content-Type": "application/json", "Accept-Encoding": "identity"})
        barrier = Barrier(HANDS)
        with rising(made.folder, made.url, seed) as server, ThreadPoolExecutor(HANDS) as pool:
            work = [pool.submit(_hand, server.port, headers, records, barrier) for _ in range(HANDS)]
            hands = [future.result() for future in work]
        comparison = held_against(made, records)
    answers = list(zip(*hands, strict=True))
    unlike = sum(any(answer["outcome"] != "accepted" for answer in round_) for round_ in answers)
    firsts = sum(sum(not answer["replayed"] for answer in round_) == 1 for round_ in answers)
    measured = f"{len(records)} rounds, {len(comparison.lost)} lost, {len(comparison.doubled)} doubled; "
    measured += f"{firsts} rounds with one first answer and {HANDS - 1} replays, {unlike} not accepted"
    return Figure(
        key=f"06 {key}",
        what=f"the same record in {HANDS} requests at once, {DATABASES[key]}",
        measured=measured,
        target=f"≥ {rounds} rounds, one effect each",
        met=comparison.clean and firsts == len(records) and unlike == 0,
        seed=seed,
    )


def _hand(port: int, headers: dict[str, str], records: list[Frozen], barrier: Barrier) -> list[dict[str, Any]]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    results = []
    for record in records:
        body = json.dumps({"ops": [record.body]}).encode()
        barrier.wait(60)
        line.request("POST", "/sync/push", body, headers)
        results += json.loads(line.getresponse().read())["results"]
    line.close()
    return results
