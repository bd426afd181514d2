"""The migrated schema is the models' schema, on both databases, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.platform.database import Base
from fieldapp.platform.extensions import db
from fieldapp.platform.search import hits
from fieldapp.platform.search.index import faults
from tests.support import postgres


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_migrations_lead_to_the_models(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if name not in request.config.getoption("--databases").split(","):
        pytest.skip(f"this run is without {name}")
    if name == "sqlite":
        _there_and_back(tmp_path, "")
        return
    with postgres.database() as url:
        _there_and_back(tmp_path, url)


def _there_and_back(folder: Path, url: str) -> None:
    app = create_app(Config(data=folder, database_url=url))
    with app.app_context():
        upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            ours = {t.name for t in Base.metadata.tables.values() if not t.name.startswith("sample_")}
            differences = [d for d in compare_metadata(context, Base.metadata) if "sample_" not in str(d)]
            assert differences == []
            assert ours <= set(inspect(connection).get_table_names())
        downgrade(revision="base")
        with db.engine.connect() as connection:
            assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        db.engine.dispose()


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_the_search_index_is_filled_from_what_is_there(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name not in request.config.getoption("--databases").split(","):
        pytest.skip(f"this run is without {name}")
    if name == "sqlite":
        _fill_search(tmp_path, "")
        return
    with postgres.database() as url:
        _fill_search(tmp_path, url)


def _fill_search(folder: Path, url: str) -> None:
    app = create_app(Config(data=folder, database_url=url))
    with app.app_context():
        upgrade(revision="0001")
        with db.engine.begin() as connection:
            connection.execute(text("INSERT INTO customer VALUES ('c', '华豫 Logistics', 'company', '199-1', '')"))
            connection.execute(text("INSERT INTO site VALUES ('s', 'c', 'Store', 'Road', NULL, NULL)"))
            connection.execute(
                text(
                    "INSERT INTO asset (id, site_id, category, model, serial_no, plate, note) "
                    "VALUES ('a', 's', 'other', 'X', 'SN-7', NULL, '')"
                )
            )
        upgrade()
        with db.engine.connect() as connection:
            assert list(faults(connection)) == []
            assert [tuple(row) for row in connection.execute(hits("豫log"))] == [("customer", "c")]
            assert [tuple(row) for row in connection.execute(hits("sn7"))] == [("asset", "a")]
        db.engine.dispose()


def test_the_trail_stays_as_it_is(tmp_path: Path) -> None:
    """SQLite makes the table anew for a key of another type."""
    app = create_app(Config(data=tmp_path))
    with app.app_context():
        upgrade(revision="0007")
        with db.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO audit_entry VALUES (7, 'o', 'x.y', 'x', 'r', NULL, NULL, NULL, "
                "'2026-11-27 08:00:00.000000', NULL, '{\"a\": 1}', 'p', 'h')"
            )
            before = connection.execute(text("SELECT * FROM audit_entry")).mappings().one()
        upgrade(revision="0019")
        with db.engine.connect() as connection:
            after = connection.execute(text("SELECT * FROM audit_entry")).mappings().one()
            assert {name: after[name] for name in before} == dict(before)
            assert connection.execute(text("SELECT rowid FROM audit_entry")).scalars().all() == [7]
        db.engine.dispose()
