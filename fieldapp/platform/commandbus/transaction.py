"""The only module that commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import g
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from fieldapp.platform.database import begin_writing
from fieldapp.platform.database.statements import Asking, together
from fieldapp.platform.extensions import WRITING, db, used_session


class Transaction:
    """An open write transaction: its connection, and statements that are sent together with COMMIT."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.last: list[Asking[Any]] = []


@contextmanager
def transaction() -> Iterator[Transaction]:
    """Open a write transaction; commit at the end of the block, roll back on any error.

    SQLite's write lock is taken at once. The session joins the transaction when it is first used. A read transaction
    that is open is rolled back first, so that nothing stale is written. Raise RuntimeError inside another one.
    """
    # Resolve the proxy once.
    held = g._get_current_object()
    if WRITING in held:
        raise RuntimeError("a write transaction is open already")
    session = used_session()
    if session is not None and session.in_transaction():
        session.rollback()
    with db.engine.connect() as connection:
        begin_writing(connection)
        setattr(held, WRITING, connection)
        try:
            under_way = Transaction(connection)
            yield under_way
            session = used_session()
            if session is not None:
                session.commit()
            _commit(connection, under_way.last)
        except BaseException:
            session = used_session()
            if session is not None:
                session.rollback()
            # SQLAlchemy takes the transaction for ended after a failed commit; the pool would hand on an open one.
            connection.rollback()
            raise
        finally:
            held.pop(WRITING)


def _commit(connection: Connection, last: Sequence[Asking[Any]]) -> None:
    driver: Any = connection.connection.dbapi_connection
    together(connection, *last, along=driver.commit)
    # On PostgreSQL, COMMIT was already sent in the pipeline.
    connection.commit()


@contextmanager
def writing() -> Iterator[Session]:
    """Open a write transaction and return the session that takes part in it."""
    with transaction():
        yield db.session()
