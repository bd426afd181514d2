"""Backup and restore of an installation (failure mode 38).

A backup is a folder: `backup.json` describes it, `fieldapp.sqlite3` or `fieldapp.dump` is the database, `files/` the
files by hash, `secret-key` the key that signs sessions. The database is copied first. Files are only ever added, so the
copy of the files contains everything that the copy of the database names.
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
from fieldapp.platform import audit
from fieldapp.platform.audit import AuditEntry
from fieldapp.platform.commandbus import erasing, writing
from fieldapp.platform.commandbus.models import Attachment, Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.models import Instance
from fieldapp.services.accounts.models import User
from fieldapp.services.attachments import store

FORMAT = 1
#: Lock timeout of a restore on PostgreSQL; when it expires, the server is still running.
LOCK_WAIT = "15s"
#: Files of the data folder that are copied: keys, and the list of erasures, which a restore repeats.
BESIDE = ("secret-key", erasing.KEY_FILE, erasing.LIST_FILE)
#: Folders of incomplete uploads and uploaded rescue files: neither belongs to a record yet.
NOT_COPIED = ("partial", "rescue")


class BackupError(Exception):
    """A backup or restore is not possible; the message says why."""


def backup(folder: Path) -> dict[str, Any]:
    """Copy this installation into an empty `folder` and verify the copy. Return its description. Raise BackupError."""
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty; a backup never writes over another")
    folder.mkdir(parents=True, exist_ok=True)
    description = _describe()
    database = "fieldapp.sqlite3" if _is_sqlite() else "fieldapp.dump"
    _copy_sqlite(folder / database) if _is_sqlite() else _dump(folder / database)
    stored_digests = _stored_in(folder / database) if _is_sqlite() else set(db.session.scalars(_stored_digests_query))
    db.session.rollback()
    _copy_files(_files(), folder / "files")
    bad_files = [digest for digest in stored_digests if not _has_file(folder / "files", digest)]
    for name in BESIDE:
        if (Path(current_app.config["DATA"]) / name).exists():
            shutil.copy2(Path(current_app.config["DATA"]) / name, folder / name)
    description |= {
        "database": database,
        "sha256": store.digest_of(folder / database),
        "files": len(stored_digests),
        "bad_files": sorted(bad_files),
    }
    (folder / "backup.json").write_text(json.dumps(description, indent=1))
    return description


def restore(folder: Path) -> Path | None:
    """Replace this installation by the backup in `folder`, with a new epoch.

    The new epoch makes phones offer again what they sent since the backup. The server must be stopped. The present
    installation is moved to a folder, which is returned (None if there was none). Raise BackupError.
    """
    description = _read_description(folder)
    # First what can fail for lack of disk space, before the present database is touched.
    _copy_files(folder / "files", _files())
    previous = _move_away()
    if _is_sqlite():
        shutil.copy2(folder / description["database"], _sqlite_path())
    else:
        _load(folder / description["database"])
    key = Path(current_app.config["DATA"]) / "secret-key"
    if (folder / "secret-key").exists() and (previous is None or not key.exists()):
        # A new machine has created a key of its own; with the old one people stay signed in.
        shutil.copy2(folder / "secret-key", key)
    data = Path(current_app.config["DATA"])
    if (folder / erasing.KEY_FILE).exists() and not (data / erasing.KEY_FILE).exists():
        shutil.copy2(folder / erasing.KEY_FILE, data / erasing.KEY_FILE)
    erasing.merge_lists(folder, data)
    upgrade()
    erasing.repeat()
    with writing() as session:
        row = session.get(Instance, 1)
        if row is not None:
            row.epoch = str(ids.uuid7())
    current_app.extensions.pop("instance", None)
    db.session.remove()
    return previous


def find_files() -> int:
    """Mark incomplete attachments as complete if a file with their hash exists. Return their number.

    For use after a restore: the files outlived the database, and the phones may have deleted theirs.
    """
    query = select(Attachment.id, Attachment.sha256).where(Attachment.state.in_(["expected", "partial"]))
    candidates = [id_ for id_, digest in db.session.execute(query) if digest and store.path_of(digest).exists()]
    completed = 0
    for attachment_id in candidates:
        with writing() as session:
            row = session.get_one(Attachment, attachment_id, with_for_update=True)
            if row.state in {"expected", "partial"} and _has_file(_files(), row.sha256):
                row.received, row.stored_at = row.size, clock.now()
                try:
                    row.mime, row.state = store.check_image(store.path_of(row.sha256)), "stored"
                except store.NotAnImage:
                    row.state = "refused"
                completed += 1
    return completed


def _read_description(folder: Path) -> dict[str, Any]:
    """Return the description of a backup after comparing its database with the hash. Raise BackupError."""
    try:
        description: dict[str, Any] = json.loads((folder / "backup.json").read_text())
        database = folder / description["database"]
        intact = description["format"] == FORMAT and store.digest_of(database) == description["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupError(f"{folder} holds no complete backup") from None
    if not intact:
        raise BackupError(f"{folder} was changed since the backup was made, or is of another format")
    if (database.suffix == ".sqlite3") != _is_sqlite():
        raise BackupError("this backup is of the other kind of database; see DATABASE_URL")
    return description


def _describe() -> dict[str, Any]:
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
        # Kept elsewhere, it shows later that nothing was cut off or rewritten (`flask check --head`).
        "audit_head": str(audit.head(db.session.connection())),
        "people": db.session.scalar(select(func.count()).select_from(User)),
    }


_stored_digests_query = select(Attachment.sha256).where(Attachment.state == "stored").distinct()


def _is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def _sqlite_path() -> Path:
    return Path(str(db.engine.url.database))


def _files() -> Path:
    return Path(current_app.config["FILES"])


# -- SQLite ------------------------------------------------------------------------------------------------------


def _copy_sqlite(target: Path) -> None:
    """Copy the database consistently while the server runs, with SQLite's online backup."""
    with closing(sqlite3.connect(_sqlite_path())) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if verdict != "ok":
        raise BackupError(f"the copy of the database is not sound: {verdict}")


def _stored_in(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as copy:
        return {row[0] for row in copy.execute("SELECT DISTINCT sha256 FROM attachment WHERE state = 'stored'")}


# -- PostgreSQL --------------------------------------------------------------------------------------------------


def _dump(target: Path) -> None:
    _run("pg_dump", "--format=custom", f"--file={target}")


def _load(dump: Path) -> None:
    """Load the dump into an emptied schema: tables of a newer version would conflict with the older ones."""
    try:
        with db.engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    except OperationalError:
        raise BackupError("the database is in use: stop the server first; nothing was changed") from None
    db.engine.dispose()
    _run("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--dbname=", str(dump))


def _run(tool: str, *arguments: str) -> None:
    """Run a PostgreSQL program on this database. The password is passed in the environment, not as an argument."""
    path = shutil.which(tool)
    if path is None:
        raise BackupError(f"{tool} is not installed; it comes with PostgreSQL's client programs")
    url = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    conninfo = conninfo_to_dict(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    variables = {name: str(conninfo[key]) for key, name in names.items() if conninfo.get(key)}
    command = [path, *(part + variables["PGDATABASE"] if part == "--dbname=" else part for part in arguments)]
    result = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode:
        raise BackupError(f"{tool} failed: {result.stderr.strip()}")


# -- the present installation ------------------------------------------------------------------------------------


def _move_away() -> Path | None:
    """Move the present database away, or dump it; nothing is deleted. Return the folder, None if there was none."""
    db.session.remove()
    empty = not inspect(db.engine).get_table_names()
    db.engine.dispose()
    if empty and not _is_sqlite():
        return None
    timestamp = clock.local(clock.now()).strftime("%Y%m%d-%H%M%S")
    target = Path(current_app.config["DATA"]) / f"before-restore-{timestamp}-{ids.uuid7().hex[-4:]}"
    target.mkdir(parents=True)
    if not _is_sqlite():
        _dump(target / "fieldapp.dump")
        return target
    for path in _database_files():
        os.replace(path, target / path.name)
    if empty:
        shutil.rmtree(target)
        return None
    return target


def _database_files() -> Iterator[Path]:
    """Return the database and SQLite's files beside it: an old log must never be applied to a new database."""
    base = _sqlite_path()
    return (path for path in (base, *(base.with_name(base.name + end) for end in ("-wal", "-shm"))) if path.exists())


# -- files -------------------------------------------------------------------------------------------------------


def _copy_files(source: Path, target: Path) -> None:
    """Copy files that are missing or incomplete in `target`; equal names always mean equal bytes."""
    target.mkdir(parents=True, exist_ok=True)
    for folder, children, names in os.walk(source):
        inner = Path(folder).relative_to(source)
        if inner == Path():
            children[:] = [name for name in children if name not in NOT_COPIED]
        (target / inner).mkdir(exist_ok=True)
        for name in names:
            original, copy = Path(folder) / name, target / inner / name
            if not copy.exists() or copy.stat().st_size != original.stat().st_size:
                shutil.copy2(original, copy)


def _has_file(root: Path, digest: str) -> bool:
    path = root / digest[:2] / digest[2:4] / digest
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest
