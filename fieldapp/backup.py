"""Copies of an installation, and bringing one back (failure mode 38).

A backup is a folder: `backup.json` says what it is, `fieldapp.sqlite3` or `fieldapp.dump` is the database, `files/` the
files by hash, `secret-key` the key of the sessions. The database is copied first: files are only ever added, so the
copy of the files holds everything the copy of the database names.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from flask import current_app
from flask_migrate import upgrade
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import OperationalError

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Attachment, AuditEntry, Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.models import Instance
from fieldapp.services.accounts.models import User
from fieldapp.services.attachments import store

FORMAT = 1
#: How long a restore waits for PostgreSQL's tables before it says that the server is still running.
LOCK_WAIT = "15s"
#: Uploads under way, and rescue files on their way in: neither belongs to a record yet.
NOT_COPIED = ("partial", "rescue")


class Impossible(Exception):
    """A backup or restore that cannot be done; says why."""


def backup(folder: Path) -> dict[str, Any]:
    """Copies this installation into an empty `folder` and verifies the copy; what it holds. Raises Impossible."""
    if folder.exists() and any(folder.iterdir()):
        raise Impossible(f"{folder} is not empty; a backup never writes over another")
    folder.mkdir(parents=True, exist_ok=True)
    facts = _facts()
    name = "fieldapp.sqlite3" if _is_sqlite() else "fieldapp.dump"
    _copy_sqlite(folder / name) if _is_sqlite() else _dump(folder / name)
    stored = _stored_in(folder / name) if _is_sqlite() else set(db.session.scalars(_stored))
    db.session.rollback()
    _copy_files(_files(), folder / "files")
    bad = [digest for digest in stored if not _holds(folder / "files", digest)]
    key = Path(current_app.config["DATA"]) / "secret-key"
    if key.exists():
        shutil.copy2(key, folder / "secret-key")
    facts |= {
        "database": name,
        "sha256": store.digest_of(folder / name),
        "files": len(stored),
        "bad_files": sorted(bad),
    }
    (folder / "backup.json").write_text(json.dumps(facts, indent=1))
    return facts


def restore(folder: Path) -> Path | None:
    """Puts the backup in `folder` in the place of this installation, with a new epoch.

    By the epoch phones know that they must offer again what they sent since. The server must be stopped. What was here
    before is put aside, and its folder returned. Raises Impossible.
    """
    facts = _read(folder)
    # What can fail for want of room comes before the present database is touched.
    _copy_files(folder / "files", _files())
    aside = _put_aside()
    if _is_sqlite():
        shutil.copy2(folder / facts["database"], _sqlite_path())
    else:
        _load(folder / facts["database"])
    key = Path(current_app.config["DATA"]) / "secret-key"
    if (folder / "secret-key").exists() and (aside is None or not key.exists()):
        # A new machine has just made a key of its own; with the old one people stay signed in.
        shutil.copy2(folder / "secret-key", key)
    upgrade()
    with writing() as session:
        row = session.get(Instance, 1)
        if row is not None:
            row.epoch = str(ids.uuid7())
    current_app.extensions.pop("instance", None)
    db.session.remove()
    return aside


def find_files() -> int:
    """Marks as arrived what records named and whose bytes are here already: files that outlived a lost database.

    Their phones may have let go of them before the restore. Returns how many were found.
    """
    query = select(Attachment.id, Attachment.sha256).where(Attachment.state.in_(["expected", "partial"]))
    here = [one for one, digest in db.session.execute(query) if digest and store.path_of(digest).exists()]
    found = 0
    for one in here:
        with writing() as session:
            row = session.get_one(Attachment, one, with_for_update=True)
            if row.state in {"expected", "partial"} and _holds(_files(), row.sha256):
                row.received, row.stored_at = row.size, clock.now()
                try:
                    row.mime, row.state = store.check_image(store.path_of(row.sha256)), "stored"
                except store.NotAnImage:
                    row.state = "refused"
                found += 1
    return found


def _read(folder: Path) -> dict[str, Any]:
    """What the backup says of itself, its database compared with its hash. Raises Impossible."""
    try:
        facts: dict[str, Any] = json.loads((folder / "backup.json").read_text())
        database = folder / facts["database"]
        whole = facts["format"] == FORMAT and store.digest_of(database) == facts["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Impossible(f"{folder} holds no complete backup") from None
    if not whole:
        raise Impossible(f"{folder} was changed since the backup was made, or is of another format")
    if (database.suffix == ".sqlite3") != _is_sqlite():
        raise Impossible("this backup is of the other kind of database; see DATABASE_URL")
    return facts


def _facts() -> dict[str, Any]:
    row = db.session.get(Instance, 1)
    with db.engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    return {
        "format": FORMAT,
        "made": clock.iso(clock.now()),
        "instance": row.name if row else None,
        "epoch": row.epoch if row else None,
        "revision": revision,
        "receipts": db.session.scalar(select(func.count()).select_from(Receipt)),
        "trail": db.session.scalar(select(func.max(AuditEntry.id))) or 0,
        "people": db.session.scalar(select(func.count()).select_from(User)),
    }


_stored = select(Attachment.sha256).where(Attachment.state == "stored").distinct()


def _is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def _sqlite_path() -> Path:
    return Path(str(db.engine.url.database))


def _files() -> Path:
    return Path(current_app.config["FILES"])


# -- SQLite ------------------------------------------------------------------------------------------------------


def _copy_sqlite(target: Path) -> None:
    """A consistent copy while the server runs: SQLite's own online backup, in one go."""
    with closing(sqlite3.connect(_sqlite_path())) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        said = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if said != "ok":
        raise Impossible(f"the copy of the database is not sound: {said}")


def _stored_in(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as copy:
        return {row[0] for row in copy.execute("SELECT DISTINCT sha256 FROM attachment WHERE state = 'stored'")}


# -- PostgreSQL --------------------------------------------------------------------------------------------------


def _dump(target: Path) -> None:
    _run("pg_dump", "--format=custom", f"--file={target}")


def _load(dump: Path) -> None:
    """Into an emptied schema: tables of a newer version would stand in the way of the older ones."""
    try:
        with db.engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    except OperationalError:
        raise Impossible("the database is in use: stop the server first; nothing was changed") from None
    db.engine.dispose()
    _run("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--dbname=", str(dump))


def _run(tool: str, *arguments: str) -> None:
    """A tool of PostgreSQL on this database; the password goes by the environment, never by the command line."""
    path = shutil.which(tool)
    if path is None:
        raise Impossible(f"{tool} is not installed; it comes with PostgreSQL's client programs")
    url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    given = conninfo_to_dict(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    there = {name: str(given[key]) for key, name in names.items() if given.get(key)}
    words = [one + there["PGDATABASE"] if one == "--dbname=" else one for one in arguments]
    done = subprocess.run([path, *words], env={**os.environ, **there}, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Impossible(f"{tool} failed: {done.stderr.strip()}")


# -- what was here before ----------------------------------------------------------------------------------------


def _put_aside() -> Path | None:
    """Moves or dumps the present database away; nothing is deleted. None where there was none."""
    db.session.remove()
    empty = not inspect(db.engine).get_table_names()
    db.engine.dispose()
    if empty and not _is_sqlite():
        return None
    made = clock.local(clock.now()).strftime("%Y%m%d-%H%M%S")
    aside = Path(current_app.config["DATA"]) / f"before-restore-{made}-{ids.uuid7().hex[-4:]}"
    aside.mkdir(parents=True)
    if not _is_sqlite():
        _dump(aside / "fieldapp.dump")
        return aside
    for path in _database_files():
        os.replace(path, aside / path.name)
    if empty:
        shutil.rmtree(aside)
        return None
    return aside


def _database_files() -> Iterator[Path]:
    """The database and what SQLite keeps beside it: an old log must never meet a new database."""
    base = _sqlite_path()
    return (path for path in (base, *(base.with_name(base.name + end) for end in ("-wal", "-shm"))) if path.exists())


# -- files -------------------------------------------------------------------------------------------------------


def _copy_files(source: Path, target: Path) -> None:
    """Adds what is not there yet, or not whole; the same name always means the same bytes."""
    target.mkdir(parents=True, exist_ok=True)
    for folder, children, names in os.walk(source):
        inner = Path(folder).relative_to(source)
        if inner == Path():
            children[:] = [one for one in children if one not in NOT_COPIED]
        (target / inner).mkdir(exist_ok=True)
        for name in names:
            here, there = Path(folder) / name, target / inner / name
            if not there.exists() or there.stat().st_size != here.stat().st_size:
                shutil.copy2(here, there)


def _holds(root: Path, digest: str) -> bool:
    path = root / digest[:2] / digest[2:4] / digest
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest
