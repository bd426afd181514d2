"""The one place that commits."""

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
    """A write transaction under way: its connection, and what is to be written on the way to its end."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.last: list[Asking[Any]] = []


@contextmanager
def transaction() -> Iterator[Transaction]:
    """A write transaction: takes SQLite's write lock at once, commits on leaving, rolls back on any error.

    The session joins it as soon as anything asks for a session. Whatever the request has read before is forgotten
    first, so that nothing stale is written. Raises RuntimeError inside another one: that would end here, too.
    """
    # Looked up once: each look goes through the proxy.
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
            # After a commit that failed, the pool would take it for ended and hand on what is still open.
            connection.rollback()
            raise
        finally:
            held.pop(WRITING)


def _commit(connection: Connection, last: Sequence[Asking[Any]]) -> None:
    driver: Any = connection.connection.dbapi_connection
    together(connection, *last, along=driver.commit)
    # Where that travelled along, nothing is left to do but to note it.
    connection.commit()


@contextmanager
def writing() -> Iterator[Session]:
    """The same for whoever works with the session."""
    with transaction():
        yield db.session()
