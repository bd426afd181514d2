"""The renewal of the audit log: old entries become a chain over commitments, on both databases (ADR 38)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import event, inspect, text

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.demo import fill
from fieldapp.platform.audit import checking
from fieldapp.platform.extensions import db
from tests.migrations.old_log import add_old_entries
from tests.support import postgres
from tests.support.audit import logged


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """An application on an empty database, in its context."""
    if request.param not in request.config.getoption("--databases").split(","):
        pytest.skip(f"this run is without {request.param}")
    if request.param == "sqlite":
        yield from _application(tmp_path, "")
        return
    with postgres.database() as url:
        yield from _application(tmp_path, url)


def _application(folder: Path, url: str) -> Iterator[Flask]:
    app = create_app(Config(data=folder, database_url=url))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def read(statement: str) -> list[tuple[Any, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def add_person() -> None:
    with db.engine.begin() as connection:
        if inspect(connection).has_table("actor"):
            connection.execute(text("INSERT INTO actor (id, kind) VALUES (1, 'person')"))
        values = {"id": 1, "username": "p", "name": "P", "phone": "", "password_hash": "", "session_key": ""}
        known = {one["name"] for one in inspect(connection).get_columns("user")}
        values = {name: value for name, value in values.items() if name in known} | {"active": True}
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        connection.execute(
            text(f"INSERT INTO \"user\" ({names}, created_at) VALUES ({places}, '2026-11-29 08:00:00')"),  # noqa: S608
            values,
        )


def contents() -> list[tuple[Any, Any]]:
    found = [(one.before, one.after) for one in logged()]
    db.session.remove()
    return found


def faults() -> list[str]:
    found = list(checking.faults(db.session()))
    db.session.remove()
    return found


def renewal() -> dict[str, Any]:
    """What the last entry says of the renewal, with its personal part."""
    after = contents()[-1][1]
    assert isinstance(after, dict)
    return after


def old_contents() -> list[tuple[Any, Any]]:
    rows = read("SELECT before, after FROM audit_entry ORDER BY id")
    return [tuple(json.loads(one) if isinstance(one, str) else one for one in row) for row in rows]  # type: ignore[misc]


ENTRIES = [
    {"after": {"amount": "46.00", "note": "13912345678"}},
    {"before": {"state": "new", "plate": None}, "after": {"state": "done", "plate": "A1", "merged_with": []}},
    {"after": {"content": {"work": "x", "parts": [{"qty": 1, "name": "烟"}, {"qty": 2}]}, "position": {"lat": 1.5}}},
    {"after": {}},
    {},
    {"before": {"active": False}, "after": {"active": True, "ended": 0, "reason": ""}},
]


@pytest.mark.parametrize("revision", ["0001", "0025"])
def test_chain_is_whole_and_contents_are_as_before(empty: Flask, revision: str) -> None:
    upgrade(revision=revision)
    add_person()
    old_head = add_old_entries(ENTRIES)
    before = old_contents()
    upgrade()
    assert faults() == []
    assert contents()[:-1] == before
    expected = {"count": len(ENTRIES), "breaks": 0, "broken": [], "old_head": f"{len(ENTRIES)}:{old_head}"}
    assert renewal() == expected
    facts = " ".join(row[0] for row in read("SELECT body FROM audit_content WHERE part = 'facts'"))
    assert ("46.00" in facts, "13912345678" in facts, "A1" in facts) == (True, False, False)
    columns = {one["name"] for one in inspect(db.engine).get_columns("audit_entry")}
    assert columns.isdisjoint({"before", "after", "user_id"})
    assert old_head not in {row[0] for row in read("SELECT hash FROM audit_entry")}


def test_log_of_the_demo_goes_down_and_up(empty: Flask) -> None:
    upgrade()
    fill()
    assert faults() == []
    before = contents()
    downgrade(revision="0025")
    assert old_contents() == before
    upgrade()
    assert faults() == []
    assert contents()[:-1] == before
    assert (renewal()["count"], renewal()["breaks"]) == (len(before), 0)


def test_broken_old_chain_is_said_and_does_not_stop_the_upgrade(empty: Flask) -> None:
    upgrade(revision="0025")
    add_person()
    add_old_entries([{"after": {"note": str(number)}} for number in range(5)])
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE audit_entry SET action = 'x.z' WHERE id = 2"))
        connection.execute(text("DELETE FROM audit_entry WHERE id = 4"))
    upgrade()
    assert faults() == []
    assert {**renewal(), "old_head": ""} == {"count": 4, "breaks": 2, "broken": [2, 5], "old_head": ""}


def test_downgrade_refuses_once_something_was_erased(empty: Flask) -> None:
    upgrade()
    fill()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE audit_entry SET action = 'record.erase' WHERE id = 1"))
    with pytest.raises((SystemExit, RuntimeError)):
        downgrade(revision="0025")
    assert inspect(db.engine).has_table("audit_content")


class Killed(Exception):
    """The process ends here."""


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """Stop the process before its statement with this number."""
    left = [number]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", count)


def interrupted(act: Callable[[], Any]) -> int:
    """Run `act` again and again, each time killed one statement later, until it ends; return how often it was."""
    kills = 0
    while True:
        try:
            with killed_at(kills + 1):
                act()
        except Killed:
            kills += 1
        else:
            return kills


def test_renewal_goes_on_after_a_kill_at_any_statement(empty: Flask) -> None:
    upgrade(revision="0025")
    add_person()
    add_old_entries([{"after": {"note": f"烟{number}", "amount": "1.00"}} for number in range(2_300)])
    before = old_contents()
    assert interrupted(upgrade) >= 20
    assert faults() == []
    assert contents()[:-1] == before
    assert (renewal()["count"], renewal()["breaks"]) == (2_300, 0)
    assert not inspect(db.engine).has_table("audit_renewal")


def test_pieces_before_a_kill_are_not_done_again(empty: Flask) -> None:
    upgrade(revision="0025")
    add_person()
    add_old_entries([{"after": {"note": str(number)}} for number in range(1_500)])
    kill, renewed = 0, None
    while renewed != 1_000:
        kill += 1
        with pytest.raises(Killed), killed_at(kill):
            upgrade()
        if inspect(db.engine).has_table("audit_entry_renewed"):
            renewed = read("SELECT count(*) FROM audit_entry_renewed")[0][0]
    hashes = read("SELECT hash FROM audit_entry_renewed ORDER BY id")
    assert read("SELECT count(*) FROM audit_entry") == [(1_500,)]
    upgrade()
    assert read("SELECT hash FROM audit_entry ORDER BY id")[:1_000] == hashes
    assert faults() == []
