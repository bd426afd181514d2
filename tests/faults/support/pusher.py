"""Phone that sends frozen records until each has its receipt, whatever the network and the server do."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter

from benchmarks.world import World
from tests.faults.support.stories import Frozen
from tests.support.bench import Person

LONGEST_BATCH = 6
#: How far ahead of the first open record a batch may reach: dependents then come before their parents.
AHEAD = 14


class Pusher(threading.Thread):
    """Push small batches through `port`; resend the same bytes after anything but a receipt."""

    def __init__(self, world: World, person: Person, port: int, records: list[Frozen], seed: str, until: float) -> None:
        super().__init__(daemon=True)
        self.headers = world.headers(person, **{"Content-Type": "application/json", "Accept-Encoding": "identity"})
        self.port, self.records, self.until = port, records, until
        self.chance = random.Random(f"pusher:{seed}:{person.id}")
        self.line: http.client.HTTPConnection | None = None
        self.open = list(records)
        self.count: Counter[str] = Counter()
        self.wrong: list[str] = []
        #: Set from outside once enough went wrong; until then what was received is sent again and again.
        self.enough = threading.Event()

    def run(self) -> None:
        """Push until all records have receipts and the other pushers have seen enough faults."""
        while time.monotonic() < self.until and (self.open or not self.enough.is_set()):
            self._once()
        if self.line:
            self.line.close()

    def _batch(self) -> list[Frozen]:
        size = self.chance.randint(1, LONGEST_BATCH)
        if not self.open or self.chance.random() < 0.05:
            self.count["again"] += 1
            return self.chance.sample(self.records, min(size, len(self.records)))
        if self.chance.random() < 0.2:
            ahead = self.open[:AHEAD]
            return self.chance.sample(ahead, min(size, len(ahead)))
        return self.open[:size]

    def _once(self) -> None:
        batch = self._batch()
        self.count["pushes"] += 1
        results = self._push(batch)
        if results is None:
            self.count["unanswered"] += 1
            time.sleep(0.002)
            return
        wanted = {frozen.op: frozen.sha256 for frozen in batch}
        received = set()
        for result in results:
            outcome, op = result["outcome"], result["op"]
            if wanted.get(op) != result["sha256"]:
                self.wrong.append(f"a receipt for {op} that nobody asked for")
            self.count[outcome] += 1
            self.count["replayed"] += bool(result["replayed"])
            if outcome == "accepted":
                received.add(op)
            elif outcome not in {"held", "busy"}:
                self.wrong.append(f"{op}: {outcome} {result['problems']}")
        self.open = [frozen for frozen in self.open if frozen.op not in received]

    def _push(self, batch: list[Frozen]) -> list[dict[str, object]] | None:
        """Return the results, or None for anything that is no receipt."""
        try:
            if self.line is None:
                self.line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            body = json.dumps({"ops": [frozen.body for frozen in batch]})
            self.line.request("POST", "/sync/push", body.encode(), self.headers)
            answer = self.line.getresponse()
            text = answer.read()
            if answer.status == 200 and answer.headers["X-Fieldapp"]:
                return list(json.loads(text)["results"])
            self.count[f"status {answer.status}"] += 1
        except (OSError, http.client.HTTPException, ValueError):
            if self.line is not None:
                self.line.close()
            self.line = None
        return None
