"""Benches for what runs outside pytest: the fault instruments."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from fieldapp.platform.extensions import db
from tests.support import postgres
from tests.support.bench import Bench, build_app


def on_each_database() -> Iterator[tuple[str, Bench]]:
    """`(name, bench)` for SQLite, then PostgreSQL; each is gone when the next one is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _one("SQLite", Path(folder), "")
    with tempfile.TemporaryDirectory() as folder, postgres.database() as url:
        yield from _one("PostgreSQL", Path(folder), url)


def _one(name: str, folder: Path, url: str) -> Iterator[tuple[str, Bench]]:
    bench = Bench(build_app(folder, url))
    bench.reset()
    yield name, bench
    with bench.app.app_context():
        db.session.remove()
        db.engine.dispose()
