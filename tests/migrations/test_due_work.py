"""The upgrade that lets held records become due, with data, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, select, text

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.kernel import clock
from fieldapp.kernel.ids import derived_id
from fieldapp.platform.commandbus import DueWork
from fieldapp.platform.extensions import db
from fieldapp.services.schedule import drain
from fieldapp.services.waiting.models import ExpiredRecord
from tests.support import postgres

ARRIVED = datetime(2026, 11, 20, 8, tzinfo=UTC)
HELD, ACCEPTED = "01930000-0000-7000-8000-000000000001", "01930000-0000-7000-8000-000000000002"
KIND = "waiting_record.expire"


@pytest.fixture(params=["sqlite", "postgresql"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """A database of the version before with a held and an accepted record, in an application context."""
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
        upgrade(revision="0023")
        with db.engine.begin() as connection:
            connection.execute(text("INSERT INTO actor (id, kind) VALUES (1, 'person')"))
            for op, outcome in ((HELD, "held"), (ACCEPTED, "accepted")):
                connection.execute(
                    text(
                        "INSERT INTO receipt (op, sha256, user_id, dev, ep, seq, kind, agg_type, agg_id, outcome,"
                        " detail, body, channel, device_at, received_at, author_inactive) VALUES (:op, 'x', 1, 'd',"
                        " 'e', 1, 'k', 'a', 'b', :outcome, '{}', '', 'sync', :at, :at, :inactive)"
                    ),
                    {"op": op, "outcome": outcome, "at": clock.iso(ARRIVED)[:19].replace("T", " "), "inactive": False},
                )
        yield app
        db.session.remove()
        db.engine.dispose()


def test_records_that_are_held_become_due_by_the_day_they_arrived(before: Flask) -> None:
    upgrade(revision="head")
    due_at = ARRIVED + timedelta(days=5)
    columns = (DueWork.op, DueWork.kind, DueWork.agg_id, DueWork.due_at, DueWork.state)
    rows = [tuple(row) for row in db.session.execute(select(*columns))]
    assert rows == [(str(derived_id(due_at, KIND, HELD, "1")), KIND, HELD, due_at, "waiting")]
    db.session.remove()
    with clock.standing_at(due_at):
        assert drain(before, due_at) == 1
    assert db.session.scalars(select(ExpiredRecord.op)).all() == [HELD]
    db.session.remove()
    downgrade(revision="0023")
    assert not {"due_work", "deadline", "expired_record"} & set(inspect(db.engine).get_table_names())
