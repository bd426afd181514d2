"""Do one piece of due work: effect, receipt, state and next occurrence in one commit."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from fieldapp.platform.commandbus import due_work, ledger
from fieldapp.platform.commandbus.batch import Batch
from fieldapp.platform.commandbus.channels import CLOCK
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.due_work import DueWork
from fieldapp.platform.commandbus.faults import point
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.commandbus.system import system_actor, system_envelope
from fieldapp.platform.commandbus.transaction import Transaction, transaction

log = logging.getLogger(__name__)
_table: Any = DueWork.__table__


class NotDone(Exception):
    """The command of due work was not accepted; nothing was written. `number` is that of the log line."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.number = number


def perform(op: str, now: datetime) -> str:
    """Do the work if it still waits and return its state; `now` is the time up to which work is due.

    Raise NotDone if its command was not accepted. A crash anywhere leaves the work as it was: the id is derived, so a
    second try of work that was done is a replay.
    """
    point("before")
    with transaction() as under_way:
        connection = under_way.connection
        known = connection.execute(select(_table).where(_table.c.op == op)).one()
        # First the lock of the aggregate and then the row, in the order of commands that replace due work.
        ledger.lock_aggregate(connection, f"{known.agg_type}:{known.agg_id}")
        row = connection.execute(select(_table).where(_table.c.op == op).with_for_update()).one()
        if row.state != "waiting":
            return str(row.state)
        state = "overtaken" if due_work.settle_missed(connection, row, now) else _execute(under_way, row, now)
        _end(connection, op, state, now)
        point("before-commit")
    point("after-commit")
    return state


def _execute(under_way: Transaction, row: Any, now: datetime) -> str:
    command = COMMANDS().get(row.kind)
    if command is None:
        raise _not_done(row, "command.unsupported")
    body = system_envelope(
        kind=row.kind,
        schema=command.version,
        key=row.key,
        occurrence=row.occurrence,
        due_at=row.due_at,
        agg=(row.agg_type, row.agg_id),
        data={"key": row.key, "occurrence": row.occurrence},
    )
    batch = Batch(system_actor(), CLOCK, None, use_savepoints=True)
    batch.read([body])
    batch.apply(under_way)
    result: Result = batch.answers()[0]
    overtaken = result.code == due_work.Overtaken().code
    if result.outcome != "accepted" and not overtaken:
        raise _not_done(row, f"{result.outcome} {result.code}")
    due_work.write_following(under_way.connection, row, now)
    return "overtaken" if overtaken else "done"


def _not_done(row: Any, reason: str) -> NotDone:
    number = row.op[-12:]
    log.warning("due work %s was not done (%s), number %s", row.kind, reason, number)
    return NotDone(number)


def _end(connection: Connection, op: str, state: str, now: datetime) -> None:
    done = {"state": state, "error_no": None, "done_at": now if state == "done" else None}
    connection.execute(update(_table).where(_table.c.op == op).values(done))
