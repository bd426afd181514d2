"""Alembic's environment: the application's own engine, batch mode for SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from fieldapp.platform.database import Base

engine = current_app.extensions["migrate"].db.engine


@contextmanager
def unguarded(connection: Connection) -> Iterator[None]:
    """SQLite alters a table by making it anew: while the old one is dropped, references to it must not be looked at.

    They are looked at when all is done, before it is committed. The switch does nothing inside a transaction, so it
    goes to the driver.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def check_references(connection: Connection) -> None:
    """Raise RuntimeError where rows of a SQLite database refer to nothing; PostgreSQL looks by itself."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"rows that refer to nothing: {broken[:3]}")


def run() -> None:
    """Migrate inside one transaction: all of it, or nothing."""
    with engine.connect() as connection, unguarded(connection):
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            render_as_batch=True,
            user_module_prefix="fieldapp.platform.database.",
            # SQLite can, whatever Alembic thinks of it: transactions are begun by
            # fieldapp/platform/database/__init__.py.
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()
            check_references(connection)


run()
