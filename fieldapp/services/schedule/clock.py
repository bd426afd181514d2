"""The time up to which work is due: never before an earlier sweep, and not far ahead without confirmation."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.database import insert_ignoring
from fieldapp.services.schedule.models import ScheduleClock, ScheduleServer
from fieldapp.services.schedule.parking import tell_administrators
from fieldapp.services.schedule.policy import AGREES, MAX_JUMP

log = logging.getLogger(__name__)


def due_time(server: str) -> datetime | None:
    """Note the sweep of `server`; return the time up to which work is due, or None while that is in doubt."""
    now = clock.now()
    with writing() as session:
        known = _locked(session, now)
        _note_sweep(session, server, now)
        if now - known.high_water > MAX_JUMP and not _confirmed(session, known, now):
            if known.paused_at is None:
                log.warning("the clock shows %s, the last sweep %s: due work waits", now, known.high_water)
                tell_administrators(session, "schedule.paused", {}, now)
                known.paused_at = now
            return None
        known.paused_at = None
        known.high_water = max(known.high_water, now)
        return known.high_water


def _locked(session: Session, now: datetime) -> ScheduleClock:
    known = session.get(ScheduleClock, 1, with_for_update=True)
    if known is None:
        session.execute(insert_ignoring(session.connection(), ScheduleClock.__table__), {"id": 1, "high_water": now})
        known = session.get_one(ScheduleClock, 1, with_for_update=True)
    return known


def _note_sweep(session: Session, server: str, now: datetime) -> None:
    session.merge(ScheduleServer(name=server, swept_at=now))
    session.flush()


def _confirmed(session: Session, known: ScheduleClock, now: datetime) -> bool:
    """Return whether the database server's clock or a phone's agrees with a clock that has jumped ahead."""
    if session.get_bind().dialect.name == "postgresql":
        theirs: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return abs(theirs - now) <= AGREES
    device: Any = ScheduleClock.metadata.tables["device"].c
    limit = int(AGREES.total_seconds() * 1000)
    heard = (device.last_seen_at > known.high_water + MAX_JUMP, device.clock_offset_ms.between(-limit, limit))
    return session.scalar(select(select(device.id).where(*heard).exists())) is True
