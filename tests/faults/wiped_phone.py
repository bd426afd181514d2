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
    counts = counted("lost-records", ROUNDS=ROUNDS[size], SEED=seed)
    yield Figure(
        key="15",
        what="both stores of a phone wiped: what the first hello names",
        measured=f"{counts['rounds']} wipes, {counts['gone']} records gone, {counts['named']} named, "
        f"{counts['wrong']} wipes named wrongly",
        target="all of them, in the first hello, and no other",
        met=counts["wrong"] == 0 and counts["named"] == counts["gone"] > 0,
        seed=str(seed),
    )
