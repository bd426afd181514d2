"""The one place that commits, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError

from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.audit.models import AuditEntry, AuditHead
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.commandbus.transaction import transaction
from fieldapp.platform.extensions import db, reading, used_session
from fieldapp.services.accounts.models import User
from tests.platform.commandbus.test_bus import item
from tests.support.bench import Bench


def counts(bench: Bench) -> list[int]:
    with bench.app.app_context():
        models = (Receipt, AuditEntry, ExpenseItem)
        return [int(db.session.scalar(select(func.count()).select_from(one)) or 0) for one in models]


def test_what_fails_on_the_way_to_the_commit_takes_everything_back(bench: Bench) -> None:
    """The trail's last words travel with the commit: without them nothing of the record may stay."""
    bench.send(bench.cast.tech, *item())
    with bench.app.app_context(), writing() as session:
        # The place of the next entry is taken.
        session.get_one(AuditHead, 1).last = 0
    body = bench.envelope(bench.cast.tech, *item())
    with pytest.raises(DBAPIError):
        bench.push(bench.cast.tech, body)
    assert counts(bench) == [1, 1, 1]
    with bench.app.app_context(), writing() as session:
        session.get_one(AuditHead, 1).last = 1
    assert bench.push(bench.cast.tech, body)[0].replayed is False
    assert counts(bench) == [2, 2, 2]


def test_a_commit_that_fails_holds_nobody_up(bench: Bench) -> None:
    """SQLite leaves such a transaction open, with the one lock for writing; the next writer must not meet it."""

    def fails() -> None:
        with transaction() as under_way:
            if under_way.connection.dialect.name == "sqlite":
                under_way.connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            under_way.connection.execute(update(ExpenseItem).values(owner_id=-1))

    bench.send(bench.cast.tech, *item())
    with bench.app.app_context():
        with pytest.raises(DBAPIError):
            fails()
        with transaction() as under_way:
            assert under_way.connection.scalar(select(func.min(ExpenseItem.owner_id))) == bench.cast.tech.id


def test_the_simplest_records_come_without_a_session(bench: Bench) -> None:
    with bench.app.test_request_context():
        bench.push(bench.cast.tech, bench.envelope(bench.cast.tech, *item()))
        assert used_session() is None


def test_whoever_asks_takes_part(bench: Bench) -> None:
    """The session and what reads without one see what the transaction has written, and go back with it."""
    query = select(User.active).where(User.id == bench.cast.tech.id)

    def half() -> None:
        with transaction() as under_way:
            under_way.connection.execute(update(User).values(active=False))
            assert db.session.scalar(query) is False
            assert reading().scalar(query) is False
            raise ZeroDivisionError

    with bench.app.app_context():
        with pytest.raises(ZeroDivisionError):
            half()
        assert db.session.scalar(query) is True
        assert reading().scalar(query) is True


def test_nothing_read_before_is_written(bench: Bench) -> None:
    with bench.app.app_context():
        before = db.session.get_one(User, bench.cast.tech.id)
        name = before.name
        with bench.app.app_context(), writing() as session:
            session.get_one(User, before.id).name = "Somebody else"
        with writing() as session:
            assert session.get_one(User, before.id).name == "Somebody else" != name


def test_none_opens_inside_another(bench: Bench) -> None:
    with bench.app.app_context(), writing(), pytest.raises(RuntimeError), writing():
        pass
