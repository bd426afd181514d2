"""Figure 15: both stores of a phone are gone; its first hello makes the server name what was lost (mode 31)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from tests.faults.figures import Figure, Size
from tests.faults.node import counted

ROUNDS = {"short": 20, "long": 500}


def run(size: Size) -> Iterator[Figure]:
    """Wipe phones with random received, waiting and discarded records."""
    seed = secrets.randbelow(2**31)
    found = counted("lost-records", ROUNDS=ROUNDS[size], SEED=seed)
    yield Figure(
        key="15",
        what="both stores of a phone wiped: what the first hello names",
        measured=f"{found['rounds']} wipes, {found['gone']} records gone, {found['named']} named, "
        f"{found['wrong']} wipes named wrongly",
        target="all of them, in the first hello, and no other",
        met=found["wrong"] == 0 and found["named"] == found["gone"] > 0,
        seed=str(seed),
    )
