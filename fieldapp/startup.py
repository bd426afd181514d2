"""What is wrong when a process starts, in one line: what, where, how to mend it."""

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

#: What may lie open for others in a data folder of earlier versions.
_PRIVATE = ("fieldapp.sqlite3", "fieldapp.sqlite3-wal", "fieldapp.sqlite3-shm", "secret-key", "serve.lock")
_PRIVATE_FOLDERS = ("files", "incoming", "before-restore-*")


def close_to_others(data: Path) -> None:
    """Files of this process are its user's alone; so is what is there already, as far as it belongs to this user."""
    os.umask(0o077)
    wanted = [(data, 0o700), *((data / name, 0o600) for name in _PRIVATE)]
    wanted += [(folder, 0o700) for pattern in _PRIVATE_FOLDERS for folder in data.glob(pattern)]
    for path, mode in wanted:
        with suppress(OSError):
            if path.stat().st_mode & 0o077:
                path.chmod(mode)


def in_one_line(error: BaseException) -> str | None:
    """The sentence for a failure an operator can mend; None for all others, which are faults of the program."""
    if isinstance(error, BadConfig):
        return str(error)
    if isinstance(error, DBAPIError):
        return _database(error)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
        return f"{error.filename or 'A file'} cannot be written: {error.strerror}. Make room, or give it to this user."
    return None


#: Words of a driver, and what an operator can do about them; `{}` is what the driver said.
_DATABASE = (
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


def _database(error: DBAPIError) -> str | None:
    said = str(error.orig).strip().split("\n")[0].rstrip(".")
    told = f"{type(error.orig).__name__} {said}".lower()
    for words, sentence in _DATABASE:
        if any(word in told for word in words):
            return sentence.format(said)
    return _UNREACHABLE.format(said) if isinstance(error, OperationalError) else None


def install() -> None:
    """Set the hook that says in one line what ended this process, where an operator can mend it."""
    sys.excepthook = _print_error


def _print_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    line = in_one_line(error)
    if line is None:
        sys.__excepthook__(kind, error, trace)
    else:
        sys.stderr.write(f"Error: {line}\n")


def check_database(engine: Engine, migrations: Path) -> None:
    """Raises BadConfig where the database is of a newer version, or somebody else's."""
    with engine.connect() as connection:
        there = set(inspect(connection).get_table_names())
        if "alembic_version" not in there:
            if there:
                raise BadConfig(
                    f"The database holds tables that are not this application's ({sorted(there)[0]}, …). "
                    "Set DATABASE_URL to an empty database."
                )
            return
        here = connection.scalar(text("SELECT version_num FROM alembic_version"))
    known = {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}
    if here is not None and here not in known:
        raise BadConfig(
            f"The database is of a newer version than this program (revision {here}). Install that version again, or "
            "restore a backup that was made before the upgrade."
        )
