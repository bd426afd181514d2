"""Refused records that their author discarded: what waits for them is decided without them (failure mode 46)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.bus import execute
from fieldapp.platform.commandbus.channels import SYNC
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.commandbus.waiting import missing
from fieldapp.platform.extensions import db

#: Most records decided for one request; the next one takes the others.
MOST = 50


def mark_discarded(session: Session, user_id: int, dev: str, ep: str, seqs: Iterable[int], now: datetime) -> None:
    """Store that the author discarded the refused ones of these records; those that were corrected stay as they are."""
    refused = (Receipt.outcome.in_(["rejected", "conflict"]), Receipt.superseded_by.is_(None))
    these = (Receipt.user_id == user_id, Receipt.dev == dev, Receipt.ep == ep, Receipt.seq.in_(list(seqs)))
    change = update(Receipt).where(*these, *refused, Receipt.discarded_at.is_(None)).values(discarded_at=now)
    session.execute(change.execution_options(synchronize_session=False))


def decide_dependents(actor: Actor) -> None:
    """Decide the records of a person that were held for discarded ones. One query where nothing is held, else three.

    Asked with every hello: what an interrupted request left is decided by the next one.
    """
    columns = (Receipt.body, Receipt.detail)
    query = select(*columns).where(Receipt.user_id == actor.id, Receipt.outcome == "held", Receipt.channel == SYNC.name)
    held = db.session.execute(query.order_by(Receipt.ep, Receipt.seq)).all()
    needs = {op for row in held for op in row.detail.get("needs", ())}
    if not needs:
        return
    settled = needs.difference(missing(needs, set()))
    bodies = [row.body for row in held if settled.intersection(row.detail.get("needs", ()))]
    db.session.rollback()
    if bodies:
        execute(bodies[:MOST], actor, SYNC)
