"""The one place that commits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from fieldapp.database import lock_for_writing
from fieldapp.extensions import db


@contextmanager
def writing() -> Iterator[Session]:
    """A write transaction: takes SQLite's write lock at once, commits on leaving, rolls back on any error.

    Whatever the request has read before is forgotten first, so that nothing stale is written.
    """
    session: Session = db.session()
    if session.in_transaction():
        session.rollback()
    try:
        lock_for_writing(session.connection())
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
