"""Prepared statements mean what they mean to SQLAlchemy, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.audit.models import AuditHead
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.database import Moment, alone, among
from fieldapp.platform.database.statements import Prepared, inserting, inserting_new, together
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import Group, Membership, User
from tests.support.bench import Bench, QueryCount

AT = datetime(2026, 11, 22, 8, 30, 15, 123456, tzinfo=UTC)


def expense(bench: Bench, number: int, **more: object) -> dict[str, object]:
    return {
        "id": f"01a21d6d-0000-7000-8000-{number:012}",
        "owner_id": bench.cast.tech.id,
        "group_id": None,
        "kind": "local_transport",
        "amount": Decimal("46.05"),
        "spent_on": date(2026, 11, 22),
        "note": "bus \u6c34 'b\"\\",
        "job_id": None,
        "receipts": 0,
        "state": "open",
        "captured_at": AT,
        "received_at": AT.astimezone(timezone(timedelta(hours=8))),
        **more,
    }


def pushed(bench: Bench) -> Result:
    new = str(ids.uuid7())
    data = {"id": new, "kind": "local_transport", "amount": "46.00", "spent_on": clock.today().isoformat()}
    tech = bench.cast.tech
    (result,) = bench.push(tech, bench.envelope(tech, "expense_item.capture", ("expense_item", new), data))
    assert result.outcome == "accepted", result
    return result


def test_values_go_in_and_come_out_as_the_types_mean_them(bench: Bench) -> None:
    table = ExpenseItem.__table__
    names = ("id", "amount", "spent_on", "note", "job_id", "captured_at", "received_at", "ver")
    columns = [table.c[name] for name in names]
    with bench.app.app_context():
        connection = db.session.connection()
        written = inserting(table).write(connection, *(expense(bench, number) for number in (1, 2, 3)))
        found = Prepared(select(*columns).where(among(table.c.id, "ids")).order_by(table.c.id))
        ids = [expense(bench, number)["id"] for number in (2, 3)]
        rows = found.rows(connection, ids=ids)
        same = connection.execute(select(*columns).where(table.c.id.in_(ids)).order_by(table.c.id)).all()
    assert written == 3
    assert rows == [tuple(row) for row in same]
    assert rows[0] == (
        ids[0], Decimal("46.05"), date(2026, 11, 22), "bus \u6c34 'b\"\\", None, AT, AT, 1,
    )  # fmt: skip
    assert rows[0][5].tzinfo is UTC


def test_what_stands_in_the_statement_stays_in_it(bench: Bench) -> None:
    now = [AT - timedelta(days=1)]
    since = bindparam("since", type_=Moment, callable_=lambda: now[-1])
    table = ExpenseItem.__table__
    open_ones = select(func.count()).where(table.c.state.in_(["open", "claimed"]), table.c.captured_at > since)
    asked = Prepared(open_ones.where(table.c.owner_id == bindparam("owner")).limit(5))
    with bench.app.app_context():
        connection = db.session.connection()
        inserting(table).write(connection, expense(bench, 1), expense(bench, 2, state="discarded"))
        assert asked.rows(connection, owner=bench.cast.tech.id) == [(1,)]
        # What is called is called at every asking.
        now.append(AT + timedelta(days=1))
        assert asked.rows(connection, owner=bench.cast.tech.id) == [(0,)]


def test_json_and_truth(bench: Bench) -> None:
    changed = Prepared(update(Receipt).where(Receipt.op == bindparam("b_op")).values(detail=bindparam("b_detail")))
    asked = Prepared(select(Receipt.detail, Receipt.author_inactive).where(Receipt.op == bindparam("op")))
    op = str(pushed(bench).op)
    with bench.app.app_context():
        connection = db.session.connection()
        assert changed.write(connection, {"b_op": op, "b_detail": {"code": "\u6c34", "needs": [1, None]}}) == 1
        assert changed.write(connection, {"b_op": "nobody's", "b_detail": {}}) == 0
        assert asked.rows(connection, op=op) == [({"code": "\u6c34", "needs": [1, None]}, False)]


def test_what_is_missing_is_said_at_once(bench: Bench) -> None:
    asked = Prepared(select(User.id).where(User.username == bindparam("name")))
    with bench.app.app_context(), pytest.raises(KeyError, match="name"):
        asked.rows(db.session.connection())
    new = Table("new", MetaData(), Column("id", Integer), Column("number", Integer, default=lambda: 1))
    with bench.app.app_context(), pytest.raises(TypeError, match="anew"):
        inserting(new).write(db.session.connection(), {"id": 1})


def test_errors_are_those_of_sqlalchemy(bench: Bench) -> None:
    head = AuditHead.__table__
    with bench.app.app_context():
        pushed(bench)
        connection = db.session.connection()
        row = {"id": 1, "last": 0, "hash": "0" * 64}
        assert inserting_new(connection, head).write(connection, row) == 0
        with pytest.raises(IntegrityError):
            inserting(head).write(connection, row)
        db.session.rollback()
        with pytest.raises(DBAPIError):
            Prepared(text("SELECT nothing FROM nowhere")).rows(db.session.connection())
        db.session.rollback()
        # The transaction after it is a sound one.
        assert Prepared(select(func.count()).select_from(Group)).rows(db.session.connection())[0][0] > 0


def test_a_connection_that_is_gone_is_given_up(bench: Bench) -> None:
    asked = Prepared(select(func.count()).select_from(Membership))
    with bench.app.app_context():
        connection = db.session.connection()
        connection.connection.dbapi_connection.close()
        with pytest.raises(DBAPIError) as caught:
            asked.rows(connection)
        assert caught.value.connection_invalidated
        db.session.rollback()
        assert asked.rows(db.session.connection())[0][0] > 0
        db.session.remove()
        with alone(db.engine) as borrowed:
            borrowed.dbapi_connection.close()
        assert asked.rows_alone(db.engine)[0][0] > 0
        assert asked.rows(db.session.connection())[0][0] > 0


def test_together_each_sees_what_the_one_before_did(bench: Bench) -> None:
    table = ExpenseItem.__table__
    count = Prepared(select(func.count()).select_from(table))
    kinds = Prepared(select(table.c.kind).where(among(table.c.id, "ids")))
    one, two, three = (expense(bench, number) for number in (1, 2, 3))
    with bench.app.app_context():
        connection = db.session.connection()
        answers = together(
            connection,
            count.asking(),
            inserting(table).writing(one, two),
            inserting_new(connection, table).writing(two, three),
            count.asking(),
            kinds.asking(ids=[three["id"]]),
        )
        assert together(connection) == []
    assert answers == [[(0,)], 2, 1, [(3,)], [("local_transport",)]]


def test_together_one_error_ends_them_all(bench: Bench) -> None:
    table = ExpenseItem.__table__
    count = Prepared(select(func.count()).select_from(table))
    one = expense(bench, 1)
    with bench.app.app_context():
        connection = db.session.connection()
        with pytest.raises(IntegrityError):
            together(connection, inserting(table).writing(one), inserting(table).writing(one), count.asking())
        db.session.rollback()
        assert count.rows(db.session.connection()) == [(0,)]


def test_they_are_counted_like_all_others(bench: Bench) -> None:
    asked = Prepared(select(func.count()).select_from(Membership))
    with bench.app.app_context(), QueryCount(bench.app) as counted:
        asked.rows(db.session.connection())
        asked.rows_alone(db.engine)
    assert counted.count == 2
