"""Figure 9: frozen envelopes of every earlier build, sent to the present server (failure mode 58)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.figures import Figure, Size
from tests.support import envelopes
from tests.support.benches import on_each_database


def run(size: Size) -> Iterator[Figure]:
    """Yield the figure over all envelopes in both sizes: there are never many."""
    accepted, sent, refused = 0, 0, []
    kinds: set[str] = set()
    builds = envelopes.builds()
    for name, bench in on_each_database():
        for build in builds:
            frozen, moment = envelopes.read(build)
            for envelope, result in envelopes.replay(bench, frozen, moment):
                sent += 1
                kinds.add(envelope.kind)
                if result.outcome == "accepted":
                    accepted += 1
                else:
                    refused.append(f"{envelope.name} of {build} on {name}")
    yield Figure(
        "09",
        "old envelopes on SQLite and PostgreSQL",
        f"{len(builds)} builds, {len(kinds)} kinds, {sent} sent: {accepted} accepted"
        + "".join(f"; {x}" for x in refused),
        "every build accepted",
        sent > 0 and accepted == sent,
    )
