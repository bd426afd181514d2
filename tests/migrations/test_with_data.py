"""Every migration goes down and up again with the demo data in the tables, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, inspect, text

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.demo import fill
from fieldapp.extensions import db
from tests.support import postgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_down_to_the_first_and_up_again(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if name not in request.config.getoption("--databases").split(","):
        return
    if name == "sqlite":
        _down_and_up(tmp_path, "")
        return
    with postgres.database() as url:
        _down_and_up(tmp_path, url)


def _down_and_up(folder: Path, url: str) -> None:
    revisions = [one.revision for one in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()]
    app = create_app(Config(data=folder, database_url=url))
    with app.app_context():
        upgrade()
        fill()
        db.session.remove()
        with db.engine.connect() as connection:
            before = _counts(connection)
        for revision in revisions[1:]:
            downgrade(revision=revision)
            with db.engine.connect() as connection:
                assert _unsound(connection) == [], revision
        with db.engine.connect() as connection:
            first = _counts(connection)
            assert {name: before[name] for name in first} == first
        for revision in reversed(revisions[:-1]):
            upgrade(revision=revision)
            with db.engine.connect() as connection:
                assert _unsound(connection) == [], revision
        with db.engine.connect() as connection:
            after = _counts(connection)
        assert {name: after[name] for name in first} == first
        db.engine.dispose()


def _counts(connection: Connection) -> dict[str, int]:
    names = set(inspect(connection).get_table_names()) - {"alembic_version"}
    return {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in sorted(names)}  # noqa: S608


def _unsound(connection: Connection) -> list[tuple[object, ...]]:
    """Rows that refer to nothing; PostgreSQL never lets them be."""
    if connection.dialect.name != "sqlite":
        return []
    return [tuple(row) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")]
