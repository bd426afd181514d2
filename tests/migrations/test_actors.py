"""Upgrades that give actors, changed fields and imports tables of their own, with data, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.platform.extensions import db
from tests.support import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An empty database of the version before, in an application context."""
    if request.param not in request.config.getoption("--databases").split(","):
        pytest.skip(f"this run is without {request.param}")
    if request.param == "sqlite":
        yield from _before(tmp_path, "")
        return
    with postgres.database() as url:
        yield from _before(tmp_path, url)


def _before(folder: Path, url: str) -> Iterator[Flask]:
    app = create_app(Config(data=folder, database_url=url))
    with app.app_context():
        upgrade(revision="0016")
        yield app
        db.session.remove()
        db.engine.dispose()


def run(statement: str, *rows: dict[str, Any]) -> None:
    with db.engine.begin() as connection:
        connection.execute(text(statement), list(rows))


def read(statement: str) -> list[tuple[Any, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def add_people(*numbers: int) -> None:
    run(
        'INSERT INTO "user" (id, username, name, phone, password_hash, active, created_at) '
        "VALUES (:id, :name, :name, '', '', :active, '2026-11-29 08:00:00')",
        *({"id": number, "name": f"p{number}", "active": True} for number in numbers),
    )


def add_entries(*entries: dict[str, Any]) -> None:
    """Audit entries with plain contents; nothing here looks at their hashes."""
    given = {"op": None, "agg_type": "asset", "agg_id": "a", "user_id": 1, "before": None, "after": None}
    rows = [{**given, "id": number, **entry} for number, entry in enumerate(entries, start=1)]
    for row in rows:
        row["before"], row["after"] = (json.dumps(row[side]) for side in ("before", "after"))
    run(
        "INSERT INTO audit_entry (id, op, action, agg_type, agg_id, user_id, at, before, after, previous, hash) "
        "VALUES (:id, :op, 'x.y', :agg_type, :agg_id, :user_id, '2026-11-29 08:00:00', :before, :after, '', '')",
        *rows,
    )


def test_last_changes_of_compared_fields_are_read_from_the_audit_log(before: Flask) -> None:
    add_people(1, 2)
    add_entries(
        {"user_id": 1, "before": {"note": "", "model": "A"}, "after": {"note": "x", "model": "A"}},
        {"user_id": 2, "op": "second", "before": {"note": "x"}, "after": {"note": "y", "merged_with": ["plate"]}},
        {"user_id": None, "agg_id": "b", "before": {"plate": None}, "after": {"plate": "B1"}},
        {"user_id": 1, "before": None, "after": {"plate": "B1"}},
        {"user_id": 1, "agg_type": "job", "before": {"title": "a"}, "after": {"title": "b", "state": "new"}},
        {"user_id": 1, "agg_type": "visit", "before": {"title": "a"}, "after": {"title": "b"}},
    )
    upgrade()
    assert read("SELECT agg_type, agg_id, field, actor_id, op FROM field_change ORDER BY 1, 2, 3") == [
        ("asset", "a", "note", 2, "second"),
        ("asset", "b", "plate", None, None),
        ("job", "a", "title", 1, None),
    ]


def test_imports_of_rescue_files_are_read_from_the_audit_log(before: Flask) -> None:
    add_people(1)
    contents = {"file": "f" * 64, "records": [{"op": "o", "title": "烟"}], "photos": [], "drafts": 1}
    add_entries(
        {"agg_type": "rescue", "agg_id": "r1", "after": contents},
        {"agg_type": "user", "agg_id": "u", "after": {"x": 1}},
        {"agg_type": "rescue", "agg_id": "r2", "after": {"records": []}},
    )
    upgrade()
    found = read("SELECT id, file, imported_by, record_count, contents, outcomes FROM rescue_import ORDER BY id")
    assert [row[:4] for row in found] == [("r1", "f" * 64, 1, 1), ("r2", "", 1, 0)]
    stored = found[0][4]
    assert (json.loads(stored) if isinstance(stored, str) else stored) == contents
    assert found[0][5] is None
