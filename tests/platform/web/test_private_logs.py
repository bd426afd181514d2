"""What people wrote, their names and secrets are in no log line (A23)."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.database import strip_values
from fieldapp.platform.database.statements import inserting
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import Group, User
from tests.support.bench import Bench

SECRET = "Zhao Private 19912345678"  # noqa: S105 - of nobody


def user() -> dict[str, Any]:
    row = {"username": "tech", "name": SECRET, "phone": SECRET, "password_hash": SECRET, "active": True}
    return {**row, "language": None, "created_at": clock.now()}


def through_the_session() -> None:
    with writing() as session:
        session.add(User(**user()))


def through_a_prepared_statement() -> None:
    with writing() as session:
        inserting(User.__table__).write(session.connection(), {**user(), "id": 900})


def taken_name() -> None:
    with writing() as session:
        session.add_all([Group(name=SECRET, city="x"), Group(name=SECRET, city="x")])


def missing_value() -> None:
    with writing() as session:
        session.add(User(**{**user(), "username": None}))


def of_another_type() -> None:
    with writing() as session:
        session.execute(text('SELECT * FROM "user" WHERE nothing = :it'), {"it": SECRET})


@pytest.mark.parametrize(
    "fail", [through_the_session, through_a_prepared_statement, taken_name, missing_value, of_another_type]
)
def test_a_statement_that_fails_is_logged_without_its_values(
    bench: Bench, caplog: pytest.LogCaptureFixture, fail: Any
) -> None:
    with bench.app.app_context():
        try:
            fail()
        except DBAPIError:
            logging.getLogger("fieldapp.test").exception("it failed")
        db.session.remove()
    assert "it failed" in caplog.text
    assert "Error" in caplog.text
    for part in SECRET.split():
        assert part not in caplog.text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('duplicate key value violates unique constraint "uq"\nDETAIL:  Key (name)=(Zhao) already exists.', '"uq"'),
        ('invalid input syntax for type integer: "Zhao"', "integer"),
        ("UNIQUE constraint failed: user.username", "user.username"),
    ],
)
def test_values_are_cut_from_errors_of_the_drivers(said: str, kept: str) -> None:
    error = Exception(said)
    strip_values(error)
    assert kept in str(error)
    assert "Zhao" not in str(error)


def test_signing_in_and_resetting_log_no_secret(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = bench.app.test_client()
    client.post("/login", data={"username": SECRET, "password": SECRET})
    client.post("/reset", data={"code": SECRET, "new": SECRET})
    for part in SECRET.split():
        assert part not in caplog.text
