"""Errors at process start, reported in one line: what is wrong, where, and how to fix it."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from fieldapp.config import BadConfig

#: Files and folders that earlier versions may have left readable for other users.
_PRIVATE = (
    "fieldapp.sqlite3",
    "fieldapp.sqlite3-wal",
    "fieldapp.sqlite3-shm",
    "secret-key",
    "erasure-key",
    "erasures.jsonl",
    "serve.lock",
)
_PRIVATE_FOLDERS = ("files", "incoming", "before-restore-*")


def restrict_access(data: Path) -> None:
    """Restrict new files of this process, and existing ones that belong to this user, to this user."""
    os.umask(0o077)
    modes = [(data, 0o700), *((data / name, 0o600) for name in _PRIVATE)]
    modes += [(folder, 0o700) for pattern in _PRIVATE_FOLDERS for folder in data.glob(pattern)]
    for path, mode in modes:
        with suppress(OSError):
            if path.stat().st_mode & 0o077:
                path.chmod(mode)


def operator_message(error: BaseException) -> str | None:
    """Return the message for an error that an operator can fix; None for errors of the program."""
    if isinstance(error, BadConfig):
        return str(error)
    if isinstance(error, DBAPIError):
        return _database_message(error)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
        return f"{error.filename or 'A file'} cannot be written: {error.strerror}. Make room, or give it to this user."
    return None


#: Texts of the driver's error, and the message for the operator; `{}` is replaced by the driver's error.
_DATABASE_MESSAGES = (
    (("no such table", "no such column", "undefined"), "The database is not migrated. Run `flask --app wsgi prepare`."),
    (("not a database", "malformed"), "The SQLite file is damaged or is none: {}. Restore a backup."),
    (("readonly", "read-only"), "The database takes no writes: {}. Give the file and its folder to this user."),
    (("full", "no space"), "The database takes no writes: {}. Make room on the disk."),
    (("locked",), "The database is held by another process: {}. Stop it, and try again."),
)
_UNREACHABLE = (
    "The database cannot be reached: {}. See that it runs, and that DATABASE_URL names its host, user, password and "
    "database."
)


def _database_message(error: DBAPIError) -> str | None:
    driver_error = str(error.orig).strip().split("\n")[0].rstrip(".")
    searched = f"{type(error.orig).__name__} {driver_error}".lower()
    for patterns, message in _DATABASE_MESSAGES:
        if any(pattern in searched for pattern in patterns):
            return message.format(driver_error)
    return _UNREACHABLE.format(driver_error) if isinstance(error, OperationalError) else None


def install() -> None:
    """Install an exception hook that reports errors an operator can fix in one line."""
    sys.excepthook = _print_error


def _print_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    line = operator_message(error)
    if line is None:
        sys.__excepthook__(kind, error, trace)
    else:
        sys.stderr.write(f"Error: {line}\n")


def check_database(engine: Engine, migrations: Path) -> None:
    """Raise BadConfig if the database belongs to a newer version or to another application."""
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        if "alembic_version" not in tables:
            if tables:
                raise BadConfig(
                    f"The database holds tables that are not this application's ({sorted(tables)[0]}, …). "
                    "Set DATABASE_URL to an empty database."
                )
            return
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    known_revisions = {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}
    if revision is not None and revision not in known_revisions:
        raise BadConfig(
            f"The database is of a newer version than this program (revision {revision}). Install that version again, "
            "or restore a backup that was made before the upgrade."
        )
