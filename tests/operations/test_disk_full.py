"""A full disk, a full database, a database that is gone: 503 with a message, and no typed input is lost."""

from __future__ import annotations

import errno
import html
import os
import re
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from werkzeug.test import EnvironBuilder, TestResponse
from xlsxwriter.exceptions import FileCreateError

from fieldapp.money.expenses import ExpenseItem
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.models import Instance
from fieldapp.platform.web import trouble
from fieldapp.services.accounts import resets
from tests.operations.slow import picture
from tests.support.bench import Bench
from tests.support.server import flask

ENGLISH = {"Accept-Language": "en"}
NOTE = "Parking at the customer's, two hours & more"


def filled(client: FlaskClient, photo: bytes | None = None) -> dict[str, Any]:
    page = client.get("/expenses/new").get_data(as_text=True)
    fields: dict[str, Any] = {
        name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)
    }
    fields |= {"kind": "parking", "amount": "37.50", "note": NOTE}
    if photo is not None:
        fields["receipt"] = (BytesIO(photo), "r.jpg", "image/jpeg")
    return fields


def holds_what_was_typed(answer: TestResponse, fields: dict[str, Any]) -> None:
    page = answer.get_data(as_text=True)
    assert answer.status_code == 503, page[-2000:]
    assert "Nothing was saved" in page
    assert html.escape(NOTE, quote=False) in page.replace("&#39;", "'")
    assert 'value="37.50"' in page
    assert f'name="_op" value="{fields["_op"]}"' in page
    assert f'name="_issued" value="{fields["_issued"]}"' in page


def stored(bench: Bench) -> tuple[int, int]:
    with bench.app.app_context():
        counts = (
            len(db.session.scalars(select(ExpenseItem.id)).all()),
            len(db.session.scalars(select(Receipt.op)).all()),
        )
        db.session.remove()
    return counts


@contextmanager
def largest_file(octets: int) -> Iterator[None]:
    """Limit the file size of this process, as if the disk ended there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def takes_no_writes(bench: Bench) -> Iterator[None]:
    """Make the database refuse writes: SQLite file that cannot grow, read-only PostgreSQL database."""
    with bench.app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        with largest_file(4096):
            yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    engine.dispose()
    yield
    engine.dispose()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = off')
    engine.dispose()


@contextmanager
def gone(bench: Bench) -> Iterator[None]:
    """Let the PostgreSQL database refuse connections, and end existing ones."""
    with bench.app.app_context():
        url = db.engine.url
        address = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS false')
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (url.database,))
        try:
            yield
        finally:
            admin.execute(f'ALTER DATABASE "{url.database}" ALLOW_CONNECTIONS true')


def test_form_is_returned_filled_in_if_the_database_takes_no_writes(installed: Bench) -> None:
    client = installed.client_of(installed.cast.tech)
    fields, before = filled(client), stored(installed)
    with takes_no_writes(installed):
        answer = client.post("/expenses/new", data=fields)
    holds_what_was_typed(answer, fields)
    assert answer.headers["Retry-After"] == "60"
    assert stored(installed) == before
    # With room again the same form goes through, once, however often it is sent.
    assert client.post("/expenses/new", data=fields).status_code == 303
    assert client.post("/expenses/new", data=fields).status_code == 303
    assert stored(installed) == (before[0] + 1, before[1] + 1)


def test_a_button_that_was_tapped_is_told_without_words_of_a_form(installed: Bench) -> None:
    """Nothing was typed, so the page must not promise a filled-in form below."""
    job, visit = installed.make_job(technician=installed.cast.tech)
    client = installed.client_of(installed.cast.tech)
    address = f"/jobs/{job}/visits/{visit}/set_out"
    fields = {name: value for name, value in filled(client).items() if name in {"_op", "_issued"}}
    with takes_no_writes(installed):
        answer = client.post(address, data=fields, headers=ENGLISH)
    assert answer.status_code == 503
    assert "Nothing was saved" in answer.text
    assert "below" not in answer.text
    assert f'value="{fields["_op"]}"' in answer.text


@pytest.mark.parametrize("address", ["/expenses/new", "/inbox/read"])
def test_the_page_is_drawn_where_the_installation_has_no_id_yet(installed: Bench, address: str) -> None:
    """A database migrated without `serve` and `prepare` gets its id at the first request."""
    client = installed.client_of(installed.cast.tech)
    fields = filled(client)
    with installed.app.app_context():
        with writing() as session:
            session.execute(delete(Instance))
        db.session.remove()
    installed.app.extensions.pop("instance")
    with takes_no_writes(installed):
        answer = client.post(address, data=fields, headers=ENGLISH)
    holds = answer.get_data(as_text=True)
    assert answer.status_code == 503
    assert "Nothing was saved" in holds
    assert 'data-instance=""' in holds
    assert client.post("/expenses/new", data=fields).status_code == 303


def test_prepare_makes_the_id_of_the_installation(tmp_path: Path) -> None:
    """The first page of a new database needs the id, even if nothing can be written then."""
    assert flask(tmp_path, "prepare").returncode == 0
    with closing(sqlite3.connect(tmp_path / "fieldapp.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM instance").fetchall() == [(1,)]


def test_form_is_returned_filled_in_if_the_disk_is_full(installed: Bench) -> None:
    client = installed.client_of(installed.cast.tech)
    photo = picture(4_000_000)
    fields, before = filled(client, photo), stored(installed)
    # Put together before the disk is full: the test's own browser uses a file for it, too.
    made = EnvironBuilder(method="POST", data=fields).get_environ()
    body, content_type = made["wsgi.input"].read(), made["CONTENT_TYPE"]
    with largest_file(400_000):
        answer = client.post("/expenses/new", data=body, content_type=content_type)
    holds_what_was_typed(answer, fields)
    assert "choose the photos again" in answer.get_data(as_text=True)
    assert stored(installed) == before
    assert not list((Path(installed.app.config["FILES"]) / "partial").glob("desk-*"))
    fields["receipt"] = (BytesIO(photo), "r.jpg", "image/jpeg")
    assert client.post("/expenses/new", data=fields, content_type="multipart/form-data").status_code == 303
    assert stored(installed) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_downloads_give_a_message_if_the_database_takes_no_writes(installed: Bench, form: str) -> None:
    client = installed.client_of(installed.cast.finance)
    assert client.get("/reimbursements").status_code == 200
    assert client.get(f"/reimbursements/list.{form}").get_data()
    with takes_no_writes(installed):
        answer = client.get(f"/reimbursements/list.{form}")
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.get_data(as_text=True)
    assert client.get("/reimbursements").status_code == 200
    assert client.get(f"/reimbursements/list.{form}").get_data()


def test_workbook_gives_a_message_if_the_disk_is_full(installed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit entry was written; the workbook's file has no space."""
    client = installed.client_of(installed.cast.finance)

    def full(*_: Any) -> None:
        raise FileCreateError(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    monkeypatch.setattr("xlsxwriter.Workbook.close", full)
    answer = client.get("/reimbursements/list.xlsx")
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.get_data(as_text=True)


def test_a_form_is_not_lost_where_the_database_is_gone(installed: Bench) -> None:
    if installed.app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        pytest.skip("a file does not go away")
    client = installed.client_of(installed.cast.tech)
    fields, before = filled(client), stored(installed)
    with gone(installed):
        answer = client.post("/expenses/new", data=fields)
        page = client.get("/jobs")
        pushed = client.post("/sync/push", json={"ops": []})
    holds_what_was_typed(answer, fields)
    assert (page.status_code, pushed.status_code) == (503, 503)
    assert stored(installed) == before
    assert client.post("/expenses/new", data=fields).status_code == 303
    assert stored(installed) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize(
    ("address", "who", "secrets"),
    [
        ("/login", None, {"username": "tech", "password": "geheim-geheim"}),
        ("/me/password", "tech", {"present": "geheim-geheim", "new": "geheim-neu-neu"}),
        ("/reset", None, {"code": "geheim-code", "new": "geheim-neu-neu"}),
    ],
)
def test_passwords_and_codes_of_links_are_never_shown_again(
    installed: Bench, address: str, who: str | None, secrets: dict[str, str]
) -> None:
    """Only forms that become an envelope are returned filled in."""
    client = installed.client_of(getattr(installed.cast, who)) if who else installed.app.test_client()
    with installed.app.test_request_context(address, method="POST", data=secrets):
        assert trouble.typed() == {"fields": [], "texts": []}
    assert client.get(address).status_code == 200
    with takes_no_writes(installed), patch.object(resets, "user_of_link", side_effect=OSError(errno.ENOSPC, "full")):
        answer = client.post(address, data=secrets, headers={"Accept-Language": "en"})
    assert answer.status_code == 503
    assert "geheim" not in answer.text
    assert "Nothing was saved" in answer.text
    assert "below" not in answer.text
    assert f'href="{address}"' in answer.text
