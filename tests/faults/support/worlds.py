"""The two databases an instrument runs on."""

from __future__ import annotations

from contextlib import AbstractContextManager

from benchmarks.world import World, postgres_world, world

#: Key of a figure's row → name of the database.
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def on(key: str) -> AbstractContextManager[World]:
    """The cast on an empty database, gone at the end of the block."""
    return world() if key == "sqlite" else postgres_world()
