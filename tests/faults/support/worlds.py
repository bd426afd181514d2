"""The two databases on which an instrument runs."""

from __future__ import annotations

from contextlib import AbstractContextManager

from benchmarks.world import World, postgres_world, world
from fieldapp.kernel import clock, ids

#: Key of a figure's row → name of the database.
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def on(key: str) -> AbstractContextManager[World]:
    """Yield the cast on an empty database that is dropped at the end of the block."""
    return world() if key == "sqlite" else postgres_world()


def allow_many_phones(made: World) -> None:
    """Raise the limit of new phones per person and day: few people use all the phones of an instrument."""
    new = str(ids.uuid7())
    data = {"id": new, "key": "devices.new_a_day", "value": "1000", "effective_on": clock.today().isoformat()}
    result = made.bench.send(
        made.bench.cast.admin, "setting.change", ("setting", new), {**data, "reason": "Fault test."}
    )
    assert result.outcome == "accepted", result.problems
