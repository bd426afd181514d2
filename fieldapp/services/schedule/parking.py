"""Park work that was tried too often, with one message for the administrators per kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.kernel.actor import SYSTEM_ID
from fieldapp.platform import audit
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Notice
from fieldapp.services.accounts import people_with_role
from fieldapp.services.schedule.models import DueWork

#: Address of the page for administrators.
PAGE = "/due-work"


def park(session: Session, row: Any, now: datetime) -> None:
    """Park work that still waits; the audit log and the administrators are told."""
    parked = update(DueWork).where(DueWork.op == row.op, DueWork.state == "waiting").values(state="parked")
    if session.execute(parked.execution_options(synchronize_session=False)).rowcount != 1:  # type: ignore[attr-defined]
        return
    entry = audit.Entry(
        action="due_work.park",
        agg=("due_work", row.op),
        actor_id=SYSTEM_ID,
        channel="clock",
        at=now,
        before={"state": "waiting"},
        after={"state": "parked", "kind": row.kind, "attempts": row.attempts},
    )
    tell_administrators(session, "due_work.parked", {"what": str(label_of_kind(row.kind))}, now)
    session.flush()
    audit.append(session.connection(), [entry])


def label_of_kind(kind: str) -> Any:
    """Return what people call work of this kind."""
    command = COMMANDS().get(kind)
    return command.label if command else kind


def tell_administrators(session: Session, kind: str, params: Mapping[str, Any], now: datetime) -> None:
    """Leave a message for each administrator who has no unread one that says the same."""
    unread = select(Notice.user_id, Notice.params).where(Notice.kind == kind, Notice.read_at.is_(None))
    told = {user for user, said in session.execute(unread) if said == params}
    session.add_all(
        Notice(user_id=user, kind=kind, url=PAGE, params=dict(params), created_at=now)
        for user in people_with_role("admin", on=clock.local(now).date())
        if user not in told
    )
