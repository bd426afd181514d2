"""What one worker holds: idle, and after many requests."""

from __future__ import annotations

import json

from benchmarks import machine
from benchmarks.harness import Row, at_most
from benchmarks.push import batch_of
from benchmarks.served import Served, serving
from benchmarks.world import World, fill_jobs, world


def run(full: bool = False) -> list[Row]:
    """Proportional share of memory of the server with its worker; lists, pages and pushes in turn."""
    requests = 10_000 if full else 2_000
    with world() as made:
        fill_jobs(made.bench, 100)
        with serving("wsgi:app", made.folder) as server:
            server.ask("/healthz")
            idle = machine.memory_of(server.pids)
            _load(made, server, requests)
            after = machine.memory_of(server.pids)
    return [
        at_most("memory of a server with one worker, idle", idle, 120, " MB"),
        at_most(f"the same after {requests:,} requests", after / idle, 1.3, " ×", f"{after:,.0f} MB"),
    ]


def _load(made: World, server: Served, requests: int) -> None:
    tech, leader = made.headers(made.bench.cast.tech), made.headers(made.bench.cast.leader)
    pages = [("/jobs", tech), ("/inbox", tech), ("/jobs", leader), ("/sync/pack", tech), ("/expenses/new", tech)]
    for number in range(requests):
        if number % 20 == 0:
            body = json.dumps({"ops": batch_of(made, 10)}).encode()
            server.ask("/sync/push", {**tech, "Content-Type": "application/json"}, body)
        else:
            server.ask(*pages[number % len(pages)])
