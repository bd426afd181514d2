"""Values that no person types and no phone sends; the same ones for the same seed."""

from __future__ import annotations

import base64
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

#: Seconds of random tries on each database, all three instruments together; what must be tried once always is.
SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))
#: Up to here a run is a short one: of what must be tried once, it takes a sample.
SHORT = 60
SEED = int(os.environ.get("FUZZ_SEED", "20261129"))

TEXTS = [
    "", " ", "\0", "a\0b", "\x1b[31m", "\x7f", "\t=1", "a\r\nSet-Cookie: x=1", "\u202e\u200b\ufeff", "\U0001f600" * 50,
    "x" * 300, "\u552e" * 5000, "'; drop table job; --", "%", "_", "\\", "%00", "%s%n", "{{7*7}}", "${x}", "<script>",
    "../../etc/passwd", "..\\..\\x", "//evil.example", "/\t/evil.example", "javascript:alert(1)", "NaN", "Infinity",
    "-1", "0", "1e400", "9" * 30, str(2**31), str(2**63), str(2**64), "\u0663", "\u00b2", "0x10", "1_0", "null", "[]",
    "2026-13-45", "0000-00-00", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02",
    "bnVsbA", "W10", "eyJ0IjoxfQ", "WzEsMl0", "00000000-0000-0000-0000-000000000000", "(select 1)", "a" * 36,
]  # fmt: skip
NUMBERS: list[Any] = [0, -1, 1, 2**15, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**40, -(10**40), 0.1, 1e308]
CONTAINERS: list[Any] = [None, True, False, [], {}, [[]], [None], {"": ""}, {"a": {"b": {}}}, [{}] * 200, ["x"] * 2000]
#: Keys that were answered with a server error once, or that no column of one of the databases holds.
BREAKING: list[Any] = [
    None, True, 1.5, 2**31, 2**63, -(2**63) - 1, 10**40, "a\0b", "\ud800", [], {}, "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "0000-00-00",
]  # fmt: skip
SURROGATES = ["\ud800", "a\udfffb"]
DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]


class Source:
    """Random values from one seed."""

    def __init__(self, name: str) -> None:
        self.random = random.Random(f"{SEED}:{name}")

    def one(self, given: Any) -> Any:
        """Any of these."""
        return self.random.choice(given)

    def often(self, share: float) -> bool:
        """Yes in this share of cases."""
        return self.random.random() < share

    def some(self, given: Sequence[Any], most: int) -> list[Any]:
        """At most so many of these; all of them in a long run."""
        return list(given) if SECONDS > SHORT or len(given) <= most else self.random.sample(given, most)

    def text(self) -> str:
        """A text from the list, or a few random characters."""
        if self.often(0.7):
            return str(self.one(TEXTS))
        return "".join(chr(self.random.choice([*range(1, 300), 0x4E00, 0xFF1D, 0x1F600])) for _ in range(9))

    def each_place(self, real: str) -> list[str]:
        """A `real` cursor with one key in each place replaced by what has broken lists before, and one key too many."""
        name, *keys = json.loads(base64.urlsafe_b64decode(real + "=" * (-len(real) % 4)))
        made = [[name, *keys[:at], bad, *keys[at + 1 :]] for at in range(len(keys)) for bad in BREAKING]
        parts = [*made, [name, *keys, keys[-1]], [name, *keys[:-1]], [name], [], name]
        return [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts]

    def cursor(self, real: str | None = None) -> str:
        """Where a list might go on, if its key were any of these; with the list's name and length from a `real` one."""
        length = self.one([1, 2, 3])
        name: list[Any] = []
        keys: list[Any] = [None] * length
        if real is not None:
            first, *keys = json.loads(base64.urlsafe_b64decode(real + "=" * (-len(real) % 4)))
            name = [first]
        # At least one part of the key is nonsense, the others stay as they were.
        bad = self.random.randrange(len(keys))
        for place in range(len(keys)):
            if real is None or place == bad or self.often(0.5):
                keys[place] = self.one([*NUMBERS, *TEXTS, None, {"t": "x"}, []])
        parts = [*name, *keys]
        return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")

    def anything(self) -> Any:
        """A value of any JSON type, also one that no JSON holds."""
        return self.one([self.text(), self.one(NUMBERS), self.one(CONTAINERS), self.one(SURROGATES), DEEP, self.id()])

    def id(self) -> str:
        """An id of nothing."""
        return str(self.one([str(uuid4()), "01890000-0000-7000-8000-000000000000", "x", "\0", "A" * 36]))


class Figures:
    """What was tried, and until when."""

    def __init__(self, share: float) -> None:
        self.began = time.monotonic()
        self.until = self.began + SECONDS * share
        self.tries = 0
        self.failures: list[str] = []

    def goes_on(self) -> bool:
        """Whether there is time for another round of random tries, and no need to stop."""
        return time.monotonic() < self.until and len(self.failures) < 20

    def check(self, good: bool, told: Callable[[], str]) -> None:
        """Counts a try, and notes what went wrong with it."""
        self.tries += 1
        if not good:
            self.failures.append(told()[:600])

    def line(self, what: str) -> str:
        """For the log: what, how often, how long."""
        return f"fuzz: {what}, {self.tries} tries in {time.monotonic() - self.began:.1f} s, seed {SEED}"
