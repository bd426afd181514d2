"""Errors at start are reported in one line: what, where, how to fix it; the data folder is private."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from fieldapp.platform.extensions import db
from tests.support import postgres
from tests.support.bench import Bench
from tests.support.ports import free_port
from tests.support.server import flask, serving

BAD_SETTINGS = [
    ({"PORT": "eighty"}, ["PORT='eighty'", "from 1 to 65535"]),
    ({"PORT": "70000"}, ["PORT=70000", "between 1 and 65535"]),
    ({"FIELDAPP_WORKERS": "0"}, ["FIELDAPP_WORKERS=0", "between 1 and 64"]),
    ({"FIELDAPP_TRUST_PROXY": "yes"}, ["FIELDAPP_TRUST_PROXY='yes'", "from 0 to 5"]),
    ({"FIELDAPP_SECURE_COOKIES": "on"}, ["FIELDAPP_SECURE_COOKIES='on'", "neither 1 nor 0"]),
    ({"FIELDAPP_URL": "field.example.com"}, ["FIELDAPP_URL='field.example.com'", "https://field.example.com"]),
    ({"FIELDAPP_URL": "https://a.example https://b.example/app"}, ["FIELDAPP_URL='https://b.example/app'"]),
    ({"FIELDAPP_URL": "https://a.example:99999"}, ["FIELDAPP_URL='https://a.example:99999'"]),
    ({"DATABASE_URL": "mysql://u@h/d"}, ["DATABASE_URL", "'mysql'", "postgresql://"]),
    ({"DATABASE_URL": "postgresql://u:p@h:port/d"}, ["DATABASE_URL", "percent encoding"]),
    ({"FIELDAPP_SECRET": ""}, ["FIELDAPP_SECRET is empty", "unset it"]),
    ({"FIELDAPP_SECRET": "short"}, ["FIELDAPP_SECRET is too short", "16"]),
    ({"FIELDAPP_DATA": "/proc/nowhere"}, ["FIELDAPP_DATA=/proc/nowhere", "Set it to a folder"]),
]


def one_line(stderr: str) -> str:
    """Return the only line of stderr; fail on a traceback."""
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("Error: ")
    return lines[0]


@pytest.mark.parametrize(("settings", "words"), BAD_SETTINGS, ids=lambda item: str(item)[:40])
def test_a_bad_setting_is_named(tmp_path: Path, settings: dict[str, str], words: list[str]) -> None:
    done = flask(tmp_path / "data", "serve", **settings)
    assert done.returncode == 1
    line = one_line(done.stderr)
    assert [word for word in words if word not in line] == [], line


@pytest.mark.parametrize("command", [["check"], ["routes"], ["db", "current"], ["create-user", "x"]], ids=" ".join)
def test_every_command_reports_a_bad_setting(tmp_path: Path, command: list[str]) -> None:
    done = flask(tmp_path / "data", *command, DATABASE_URL="mysql://u@h/d")
    assert done.returncode != 0
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert "No such command" not in done.stderr


@pytest.mark.parametrize("command", [["serve"], ["check"], ["prepare"], ["db", "upgrade"]], ids=" ".join)
def test_a_database_that_is_not_there(tmp_path: Path, command: list[str]) -> None:
    address = f"postgresql://u:secret-password@127.0.0.1:{free_port()}/d"
    done = flask(tmp_path / "data", *command, url=address, PORT=str(free_port()))
    assert done.returncode == 1
    line = one_line(done.stderr)
    assert "cannot be reached" in line
    assert "DATABASE_URL" in line
    assert "secret-password" not in line


def test_a_database_of_a_newer_version(installed: Bench) -> None:
    url = installed.app.config["SQLALCHEMY_DATABASE_URI"]
    with installed.app.app_context():
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        db.engine.dispose()
    done = flask(
        Path(installed.app.config["DATA"]),
        "serve",
        url="" if url.startswith("sqlite") else url,
        PORT=str(free_port()),
    )
    assert done.returncode == 1
    line = one_line(done.stderr)
    assert "newer version" in line
    assert "9999" in line


def test_somebody_elses_database(database: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    if database[0] == "sqlite":
        folder.mkdir()
        with sqlite3.connect(folder / "fieldapp.sqlite3") as connection:
            connection.execute("CREATE TABLE invoices (id)")
        done = flask(folder, "prepare")
    else:
        import psycopg

        with postgres.another(database[1]) as url:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE TABLE invoices (id int)")
            done = flask(folder, "prepare", url=url)
    assert done.returncode == 1
    assert "invoices" in one_line(done.stderr)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "fieldapp.sqlite3").write_bytes(b"no database at all" * 1000)
    done = flask(folder, "serve", PORT=str(free_port()))
    assert done.returncode == 1
    assert "damaged or is none" in one_line(done.stderr)


def test_a_database_that_is_not_migrated(tmp_path: Path) -> None:
    done = flask(tmp_path / "data", "check")
    assert done.returncode == 1
    assert "Run `flask --app wsgi prepare`" in one_line(done.stderr)


def test_an_empty_key_file_is_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "secret-key").touch()
    done = flask(folder, "serve")
    assert done.returncode == 1
    assert "holds no key" in one_line(done.stderr)


def test_a_taken_port_and_a_taken_folder_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path / "one") as server:
        port = flask(tmp_path / "two", "serve", PORT=str(server.port))
        assert port.returncode == 1
        assert f"PORT={server.port}" in one_line(port.stderr)
        # Refused before anything is changed.
        assert not (tmp_path / "two" / "fieldapp.sqlite3").exists()
        folder = flask(tmp_path / "one", "serve", PORT=str(free_port()))
        assert folder.returncode == 1
        assert "another server works in this folder" in one_line(folder.stderr)
        server.wait()


def test_two_servers_side_by_side(tmp_path: Path) -> None:
    """Servers with different folders and ports are independent."""
    with serving(tmp_path / "one") as one, serving(tmp_path / "two") as two:
        one.wait()
        two.wait()


def test_data_folder_is_not_readable_for_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert flask(folder, "prepare", "--demo").returncode == 0
    # As an earlier version left it.
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o755 if path.is_dir() else 0o644)
    with serving(folder):
        assert open_for_others(folder) == []
    assert flask(folder, "backup", str(tmp_path / "copy")).returncode == 0
    assert open_for_others(tmp_path / "copy") == []


def open_for_others(folder: Path) -> list[str]:
    paths = [folder, *folder.rglob("*")]
    return [str(path) for path in paths if stat.S_IMODE(os.stat(path).st_mode) & 0o077]
