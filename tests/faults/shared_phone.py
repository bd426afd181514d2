"""Figure 10: a phone shared by two people, in all ways of leaving it to the other (failure modes 41 to 43)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.figures import Figure, Size
from tests.faults.node import counted

CASES = 24


def run(size: Size) -> Iterator[Figure]:
    """Run the matrix with the real engine in Node; both sizes are the same."""
    played = counted("shared-phone")
    clean = not any(played[name] for name in ("leaks", "wrongAuthor", "sentAway", "lost"))
    yield Figure(
        key="10",
        what="shared phone: 6 ways to leave it × with and without a signal × one tab and two",
        measured=f"{played['cases']} cases: {played['leaks']} leaks, {played['wrongAuthor']} under a wrong author, "
        f"{played['sentAway']} sent while another was there, {played['lost']} lost",
        target=f"{CASES} cases, 0 of each",
        met=played["cases"] == CASES and clean,
    )
