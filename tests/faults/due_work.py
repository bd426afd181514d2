"""Figures 25 and 26: consumers of due work are killed at every point; one piece ends every process that tries it.

The oracle reads the database: every piece has one effect, one receipt and one audit entry, and nothing waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from benchmarks.world import World
from fieldapp.integrity import faults
from fieldapp.kernel import ids
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import Due, due_work, writing
from fieldapp.platform.commandbus.models import Notice, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.schedule.models import DueWork
from fieldapp.services.schedule.policy import MAX_ATTEMPTS
from tests.faults.figures import Figure, Size
from tests.faults.support.consumer import KIND, killed, knowing
from tests.faults.support.seeds import seeded
from tests.faults.support.worlds import DATABASES, on

#: Pieces of work, and kills.
DOSES: dict[Size, tuple[int, int]] = {"short": (150, 8), "long": (2_000, 200)}
AT = datetime(2026, 12, 1, 8, tzinfo=UTC)
CONSUMERS = 2


def run(size: Size) -> Iterator[Figure]:
    """Yield two figures per database."""
    for key in DATABASES:
        yield measured(key, *DOSES[size])
        yield poisoned(key)


def _write(made: World, keys: list[str]) -> None:
    knowing(made.bench.app)
    works = [
        Due(KIND, key, ("test", str(ids.uuid7())), AT + timedelta(seconds=number)) for number, key in enumerate(keys)
    ]
    with made.bench.app.app_context(), writing() as session:
        due_work.write(session.connection(), works, None)


def measured(key: str, pieces: int, kills: int) -> Figure:
    """Kill two consumers until there were enough kills and nothing waits."""
    seed, _ = seeded(f"due_work {key}")
    with on(key) as made:
        _write(made, [f"n{number}" for number in range(pieces)])
        ended = killed(made.folder, made.url, AT + timedelta(days=1), kills, seed, CONSUMERS)
        with made.bench.app.app_context():
            effects = Counter(
                params["fields"]
                for params in db.session.scalars(select(Notice.params).where(Notice.kind == "job.changed"))
            )
            receipts = db.session.scalar(select(func.count()).where(Receipt.kind == KIND))
            entries = db.session.scalar(select(func.count()).where(AuditEntry.action == KIND))
            states = Counter(db.session.scalars(select(DueWork.state)))
            unsound = list(faults())
    once = len(effects) == pieces and set(effects.values()) == {1}
    met = once and receipts == entries == pieces and states == {"done": pieces} and not unsound
    return Figure(
        key=f"25 {key}",
        what=f"two consumers of due work killed at every point, {DATABASES[key]}",
        measured=(
            f"{effects.total():,} effects, {receipts:,} receipts, {entries:,} audit entries, {dict(states)}; "
            f"{ended['killed']:,} kills; {len(unsound)} faults by check"
        ),
        target=f"{pieces:,} of each, nothing waits; ≥ {kills} kills",
        met=met and ended["killed"] >= kills,
        seed=seed,
    )


def poisoned(key: str) -> Figure:
    """Let one of a hundred pieces end every process that tries it."""
    seed, _ = seeded(f"due_work poison {key}")
    with on(key) as made:
        _write(made, [f"n{number}" if number != 40 else "exit" for number in range(100)])
        ended = killed(made.folder, made.url, AT + timedelta(days=1), 0, seed, CONSUMERS)
        with made.bench.app.app_context():
            rows = db.session.execute(select(DueWork.state, DueWork.attempts).where(DueWork.key != "exit")).all()
            poison = db.session.execute(select(DueWork.state, DueWork.attempts).where(DueWork.key == "exit")).one()
            effects = db.session.scalar(select(func.count()).where(Notice.kind == "job.changed"))
    others = Counter(row.state for row in rows)
    tries = max(row.attempts for row in rows)
    return Figure(
        key=f"26 {key}",
        what=f"due work that ends every process that tries it, {DATABASES[key]}",
        measured=(
            f"{poison.state} after {poison.attempts} tries and {ended['exit 3']} ended processes; "
            f"others {dict(others)} after at most {tries} tries"
        ),
        target=f"parked after {MAX_ATTEMPTS}, the other 99 done after at most 2 tries",
        met=(tuple(poison), others, effects) == (("parked", MAX_ATTEMPTS), {"done": 99}, 99) and tries <= 2,
        seed=seed,
    )
