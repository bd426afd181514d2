"""Figure 17: outboxes that return after 14, 60 and 400 days (failure modes 7, 38): nothing lost or doubled.

Half of each queue was received but its responses were lost, the other half was never sent. The phone returns and sends
everything three times, in any order. The server's clock is moved; the records carry the day they were written.
"""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses import ExpenseItem
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.devices import Device
from tests.faults.figures import Figure, Size
from tests.support.bench import DEVICE, Bench
from tests.support.benches import on_each_database

AGES = (14, 60, 400)
QUEUE = {"short": 100, "long": 1000}


@dataclass
class Counted:
    """Counts over the queues."""

    sent: int = 0
    lost: int = 0
    doubled: int = 0
    misdated: int = 0

    def __iadd__(self, other: Counted) -> Counted:
        self.sent += other.sent
        self.lost += other.lost
        self.doubled += other.doubled
        self.misdated += other.misdated
        return self


def replay(bench: Bench, age: int, length: int, chance: random.Random) -> Counted:
    """Replay one queue of `length` records that is `age` days old."""
    bench.reset()
    now = clock.now()
    written = now - timedelta(days=age)
    with clock.standing_at(written):
        _hello(bench, written)
        queue = [_record(bench, written) for _ in range(length)]
        _send(bench, queue[: length // 2])
    with clock.standing_at(now):
        late = [*queue, *queue, *queue]
        chance.shuffle(late)
        _send(bench, late)
        with bench.app.app_context():
            counted = _count(queue, written)
            db.session.remove()
    return counted


def _hello(bench: Bench, at: datetime) -> None:
    """Send the hello that precedes every push, so that the server knows the phone's clock."""
    with bench.app.app_context():
        with writing() as session:
            session.add(
                Device(
                    dev=DEVICE,
                    ep="0a1b2c3d",
                    user_id=bench.cast.tech.id,
                    build="",
                    display_mode="",
                    first_seen_at=at,
                    last_seen_at=at,
                    clock_offset_ms=0,
                )
            )
        db.session.remove()


def _record(bench: Bench, written: datetime) -> str:
    record_id = str(ids.uuid7())
    spent = clock.local(written).date().isoformat()
    data = {"id": record_id, "kind": "local_transport", "amount": "46.00", "spent_on": spent}
    return bench.envelope(bench.cast.tech, "expense_item.capture", ("expense_item", record_id), data)


def _send(bench: Bench, bodies: list[str]) -> None:
    for start in range(0, len(bodies), 50):
        bench.push(bench.cast.tech, *bodies[start : start + 50])


def _count(queue: list[str], written: datetime) -> Counted:
    rows = dict(db.session.execute(select(ExpenseItem.id, ExpenseItem.captured_at)).all())
    effects = db.session.scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.op.is_not(None))) or 0
    received = db.session.scalar(select(func.count()).where(Receipt.outcome == "accepted")) or 0
    wanted = {json.loads(body)["data"]["id"] for body in queue}
    off = sum(abs((at - written).total_seconds()) > 1 for at in rows.values())
    return Counted(len(queue), len(wanted - rows.keys()), max(effects, received, len(rows)) - len(wanted), off)


def run(size: Size) -> Iterator[Figure]:
    """Yield every age on both databases."""
    seed = secrets.token_hex(4)
    chance = random.Random(seed)
    total = Counted()
    for _, bench in on_each_database():
        for age in AGES:
            total += replay(bench, age, QUEUE[size], chance)
    yield Figure(
        "17",
        "queues 14, 60 and 400 days old, half of them received before, sent three times; SQLite and PostgreSQL",
        f"{total.sent} records: {total.lost} lost, {total.doubled} doubled, {total.misdated} with another day",
        "0 doubled",
        total.lost == total.doubled == total.misdated == 0,
        seed,
    )
