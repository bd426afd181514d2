"""Upgrades that give actors, changed fields and imports tables of their own, with data, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import text
from sqlalchemy.orm import Session

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.kernel import clock
from fieldapp.platform.audit import checking
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import ActorRow
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import User
from tests.migrations.old_log import add_old_entries
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


def add_receipts(*channels: str) -> None:
    run(
        "INSERT INTO receipt (op, sha256, user_id, dev, ep, seq, kind, agg_type, agg_id, outcome, detail, body, "
        "mouth, device_at, received_at, author_inactive) "
        "VALUES (:op, '', 1, '', '', 0, 'x.y', 'x', 'x', 'accepted', '{}', '', "
        ":channel, '2026-11-29 08:00:00', '2026-11-29 08:00:00', :closed)",
        *({"op": f"op-{channel}", "channel": channel, "closed": False} for channel in channels),
    )


def test_people_keep_their_numbers_and_the_next_actor_has_a_greater_one(before: Flask) -> None:
    numbers = [*range(1, 13), 40]
    add_people(*numbers)
    if db.engine.dialect.name == "postgresql":
        # An account with a greater number was given out and deleted.
        run("SELECT setval(pg_get_serial_sequence('\"user\"', 'id'), 77)", {})
    upgrade()
    assert [row[0] for row in read('SELECT id FROM "user" ORDER BY id')] == numbers
    assert read("SELECT id, kind FROM actor ORDER BY id") == [(0, "system"), *((one, "person") for one in numbers)]
    with writing() as session:
        link = ActorRow(kind="link", label="Ms Zhao")
        session.add(link)
        session.flush()
        made = User(username="new", name="New", password_hash="", created_at=clock.now())
        session.add(made)
        session.flush()
        given = [link.id, made.id]
        session.delete(link)
        session.flush()
        last = User(username="last", name="Last", password_hash="", created_at=clock.now())
        session.add(last)
        session.flush()
        assert read_in(session, "SELECT kind FROM actor WHERE id = :id", id=made.id) == [("person",)]
    least = 77 if db.engine.dialect.name == "postgresql" else 40
    assert least < given[0] < given[1] < last.id


def test_the_number_of_a_deleted_last_actor_is_not_given_out_again(before: Flask) -> None:
    upgrade()
    numbers = []
    for _ in range(2):
        with writing() as session:
            one = ActorRow(kind="link", label="")
            session.add(one)
            session.flush()
            numbers.append(one.id)
            session.delete(one)
    assert numbers[1] > numbers[0] > 0


def test_channels_are_renamed_and_the_audit_log_stays_whole(before: Flask) -> None:
    add_people(1)
    add_receipts("phone", "desk", "import")
    add_old_entries([{"op": op} for op in ("op-phone", "op-desk", "op-import", None)])
    upgrade()
    channels = [("op-desk", "web"), ("op-import", "import"), ("op-phone", "sync")]
    assert read("SELECT op, channel FROM receipt ORDER BY op") == channels
    assert read("SELECT op, channel FROM audit_entry WHERE op IS NOT NULL ORDER BY op") == channels
    assert read("SELECT channel, on_behalf_of FROM audit_entry WHERE op IS NULL AND action = 'x.y'") == [(None, None)]
    assert list(checking.broken(db.session())) == []
    db.session.remove()
    downgrade(revision="0018")
    assert read("SELECT mouth FROM receipt ORDER BY op") == [("desk",), ("import",), ("phone",)]
    add_after_downgrade = 'INSERT INTO "user" (username, name, phone, password_hash, active, created_at)'
    run(f"{add_after_downgrade} VALUES ('n', 'n', '', '', :yes, '2026-11-29 08:00:00')", {"yes": True})
    assert read('SELECT id FROM "user" ORDER BY id') == [(1,), (2,)]


def test_partial_indexes_of_receipts_survive_the_upgrade(before: Flask) -> None:
    indexes = "SELECT name, sql FROM sqlite_master WHERE type='index' AND tbl_name='receipt' AND sql IS NOT NULL"
    if db.engine.dialect.name == "postgresql":
        indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename='receipt'"
    was = sorted(read(indexes))
    assert sum("WHERE" in sql for _, sql in was) == 4
    upgrade()
    assert sorted(read(indexes)) == was


def read_in(session: Session, statement: str, **given: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in session.execute(text(statement), given)]


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
