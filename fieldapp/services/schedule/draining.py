"""Do everything that is due: claim in a short transaction, then each piece in a commit of its own (ADR 39)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from flask import Flask
from flask_babel import force_locale
from sqlalchemy import bindparam, select, update

from fieldapp.platform.commandbus import NotDone, perform, writing
from fieldapp.platform.commandbus.due_work import WAITING
from fieldapp.platform.commandbus.faults import point
from fieldapp.services.schedule.models import DueWork
from fieldapp.services.schedule.parking import park
from fieldapp.services.schedule.policy import MAX_ATTEMPTS, next_try

log = logging.getLogger(__name__)

#: Pieces claimed in one transaction.
BATCH = 50
#: Largest number of pieces that one drain does.
MAX_WORK = 10_000

_table: Any = DueWork.__table__
_due = (
    select(_table.c.op, _table.c.kind, _table.c.attempts, _table.c.next_try_at)
    .where(WAITING, _table.c.next_try_at <= bindparam("now", type_=_table.c.next_try_at.type))
    .order_by(_table.c.next_try_at, _table.c.op)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_count_try = (
    update(_table)
    .where(_table.c.op == bindparam("b_op"))
    .values(attempts=bindparam("b_attempts"), next_try_at=bindparam("b_next"))
)


class _Claimed(NamedTuple):
    op: str
    kind: str
    attempts: int


def drain(app: Flask, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Do what is due at `now` until nothing is, at most MAX_WORK pieces; return the number of tries.

    A piece that fails is tried again later; the others go on. Raise DBAPIError if the database takes no writes.
    """
    tries = 0
    while tries < MAX_WORK and not stopping():
        with _context(app):
            claimed, parked = _claim(now)
        if not claimed and not parked:
            break
        for work in claimed:
            if stopping():
                break
            tries += 1
            _try(app, work, now)
    return tries


@contextmanager
def _context(app: Flask) -> Iterator[None]:
    """Run each transaction in a context of its own, in the default language: nobody's request is under way."""
    with app.app_context(), force_locale(app.config["BABEL_DEFAULT_LOCALE"]):
        yield


def _claim(now: datetime) -> tuple[list[_Claimed], int]:
    """Count a try of each piece that is due, in a commit before the tries; return them and the number of parked ones.

    What was tried before is claimed alone: if it ends the process, it takes no innocent work along.
    """
    with writing() as session:
        rows = session.connection().execute(_due, {"now": now}).all()
        exhausted = [row for row in rows if row.attempts >= MAX_ATTEMPTS]
        fresh = [row for row in rows if row.attempts == 0]
        chosen = fresh or [row for row in rows if row.attempts < MAX_ATTEMPTS][:1]
        for row in exhausted:
            park(session, row, now)
        claimed = [_Claimed(row.op, row.kind, row.attempts + 1) for row in chosen]
        if claimed:
            session.connection().execute(
                _count_try,
                [{"b_op": op, "b_attempts": tries, "b_next": next_try(tries, now)} for op, _, tries in claimed],
            )
        point("claimed")
    return claimed, len(exhausted)


def _try(app: Flask, work: _Claimed, now: datetime) -> None:
    with _context(app):
        try:
            perform(work.op, now)
        except NotDone as error:
            _note_failure(work, error.number, now)


def _note_failure(work: _Claimed, number: str, now: datetime) -> None:
    """Store the number of the log line; park the work after its last try."""
    with writing() as session:
        failed = update(_table).where(_table.c.op == work.op, WAITING).values(error_no=number)
        session.connection().execute(failed)
        if work.attempts >= MAX_ATTEMPTS:
            park(session, work, now)
