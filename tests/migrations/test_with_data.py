"""Every migration goes down and up again with the demo data in the tables, on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.demo import fill
from fieldapp.platform.extensions import db
from tests.support import postgres

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_down_to_the_first_and_up_again(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with asked_for(name, request) as url:
        _down_and_up(tmp_path, url)


@contextmanager
def asked_for(name: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the address of an empty database. Skip where the run leaves this kind of database out."""
    if name not in request.config.getoption("--databases").split(","):
        pytest.skip(f"this run is without {name}")
    if name == "sqlite":
        yield ""
        return
    with postgres.database() as url:
        yield url


BREAKS = """
from alembic import op

revision = "breaks"
down_revision = "{head}"


def upgrade():
    op.execute("CREATE TABLE half_done (id integer)")
    op.execute("DELETE FROM customer")


def downgrade():
    pass
"""


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_a_migration_that_breaks_references_changes_nothing(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with asked_for(name, request) as url:
        app = create_app(Config(data=tmp_path / "data", database_url=url))
        scripts = tmp_path / "migrations"
        shutil.copytree(ROOT / "migrations", scripts)
        head = ScriptDirectory(str(scripts)).get_current_head()
        (scripts / "versions" / "breaks.py").write_text(BREAKS.format(head=head))
        with app.app_context():
            upgrade()
            fill()
            db.session.remove()
            with db.engine.connect() as connection:
                before = _counts(connection)
            with pytest.raises((SystemExit, IntegrityError)):
                upgrade(directory=str(scripts))
            with db.engine.connect() as connection:
                assert _counts(connection) == before
                assert connection.scalar(text("SELECT version_num FROM alembic_version")) == head
                assert _unsound(connection) == []
            db.engine.dispose()


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
            assert _held(connection) == _claimed(connection) != []
        # The renewal of the audit log is an entry of its own.
        after["audit_entry"] -= 1
        assert {name: after[name] for name in first} == first
        db.engine.dispose()


def _counts(connection: Connection) -> dict[str, int]:
    names = set(inspect(connection).get_table_names()) - {"alembic_version"}
    return {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in sorted(names)}  # noqa: S608


def _held(connection: Connection) -> list[tuple[object, ...]]:
    rows = connection.execute(text("SELECT number, code, claim_id FROM fapiao_hold ORDER BY 1, 2, 3"))
    return [tuple(row) for row in rows]


def _claimed(connection: Connection) -> list[tuple[object, ...]]:
    """Return each fapiao of claimed expenses with its claim: what is held."""
    query = (
        "SELECT DISTINCT fapiao_number, fapiao_code, claim_id FROM expense_item WHERE fapiao_number <> '' "
        "AND claim_id IS NOT NULL AND state IN ('claimed', 'approved', 'paid', 'returned') ORDER BY 1, 2, 3"
    )
    return [tuple(row) for row in connection.execute(text(query))]


def _unsound(connection: Connection) -> list[tuple[object, ...]]:
    """Rows that refer to nothing; PostgreSQL never lets them be."""
    if connection.dialect.name != "sqlite":
        return []
    return [tuple(row) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")]
