"""Many phones at once, a full disk, restarts during work (failure modes 69, 37, 21).

No record may be lost: the server answers 503 with Retry-After or late, and the phones retry.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import func, select

from benchmarks.world import World, world
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from tests.faults.figures import Figure, Size
from tests.faults.support.phoenix import rising
from tests.faults.support.phone import Handset, expense, phones
from tests.faults.support.pusher import Pusher
from tests.faults.support.seeds import seeded
from tests.faults.support.stories import Author, Frozen, held_against
from tests.faults.support.worlds import DATABASES, allow_many_phones, on

PHONES: dict[Size, int] = {"short": 60, "long": 200}
ROLLS: dict[Size, int] = {"short": 5, "long": 40}
RECORDS: dict[Size, int] = {"short": 200, "long": 2_000}
FEW = 3
#: Answers that tell a phone to come again, or that it is done.
CIVIL = {"200", "201", "204", "409", "423", "429", "503"}


def run(size: Size) -> Iterator[Figure]:
    """Yield the herd and the restarts on both databases, the full disk where file sizes can be limited."""
    for key in DATABASES:
        yield herd(key, PHONES[size])
    for key in DATABASES:
        yield rolling(key, ROLLS[size], RECORDS[size])
    yield full_disk(RECORDS[size])


def herd(key: str, count: int) -> Figure:
    """Let many engines get their network back at the same moment."""
    with on(key) as made:
        allow_many_phones(made)
        cast = made.bench.cast
        people = (cast.tech, cast.tech2, cast.other_tech, cast.leader)
        handsets = [Handset(people[i % len(people)], [([expense() for _ in range(FEW)], 0)]) for i in range(count)]
        with rising(made.folder, made.url) as server:
            phone_states = phones(made, server.port, handsets, speed=4, seconds=300)
        with made.bench.app.app_context():
            of_phones = Receipt.outcome == "accepted", Receipt.kind == "expense_item.capture"
            accepted = db.session.scalar(select(func.count()).where(*of_phones))
            db.session.remove()
    statuses: Counter[str] = sum((Counter(state.statuses) for state in phone_states), Counter())
    rude = {status: many for status, many in statuses.items() if status not in CIVIL}
    answers = ", ".join(f"{many} × {status}" for status, many in sorted(statuses.items()))
    errors = {state.error for state in phone_states if state.error}
    return Figure(
        key=f"20 {key}",
        what=f"{count} phones come back at once, {DATABASES[key]}",
        measured="; ".join([f"{accepted} of {count * FEW} records accepted", answers, *errors]),
        target="all accepted; nothing but answers a phone can wait on",
        met=accepted == count * FEW and all(state.done for state in phone_states) and not rude,
    )


def _pushers(made: World, port: int, records: int, seed: str, chance: random.Random) -> list[Pusher]:
    cast = made.bench.cast
    until = time.monotonic() + 900
    pushers = []
    for person in (cast.tech, cast.tech2):
        stories = Author(made, person, random.Random(chance.random())).stories(records // 2)
        pushers.append(Pusher(made, person, port, stories, seed, until))
    return pushers


def _sent(pushers: list[Pusher]) -> list[Frozen]:
    return [record for pusher in pushers for record in pusher.records]


def rolling(key: str, rolls: int, records: int) -> Figure:
    """Replace the worker again and again while phones push through an undisturbed network."""
    seed, chance = seeded(f"rolling {key}")
    with on(key) as made:
        with rising(made.folder, made.url, seed) as server:
            pushers = _pushers(made, server.port, records, seed, chance)
            for pusher in pushers:
                pusher.start()
            for _ in range(rolls):
                server.roll()
            for pusher in pushers:
                pusher.enough.set()
                pusher.join()
        rolled, forced = server.rolled, server.kills["rolled by force"]
        comparison = held_against(made, _sent(pushers))
    total: Counter[str] = sum((pusher.count for pusher in pushers), Counter())
    wrong = [words for pusher in pushers for words in pusher.wrong]
    measured = f"{rolled} restarts, {forced} of them by force, "
    measured += f"{len(comparison.lost)} lost, {len(comparison.doubled)} doubled of {len(_sent(pushers)):,} records; "
    measured += f"{total['pushes']:,} pushes, {total['unanswered']} sent again"
    return Figure(
        key=f"21 {key}",
        what=f"the server is restarted while phones push, {DATABASES[key]}",
        measured="; ".join([measured, *wrong[:2], *comparison.unsound[:2]]),
        target=f"≥ {rolls} restarts, 0 lost, 0 doubled",
        met=comparison.clean and rolled >= rolls and not wrong and not any(pusher.open for pusher in pushers),
        seed=seed,
    )


def full_disk(records: int) -> Figure:
    """Stop the growth of the database's files, as on a full disk, and allow it again later. SQLite only."""
    seed, chance = seeded("full_disk")
    with world() as made:
        largest = max(path.stat().st_size for path in made.folder.glob("fieldapp.sqlite3*"))
        with rising(made.folder, "", seed, largest_file=largest + 200_000) as server:
            pushers = _pushers(made, server.port, records, seed, chance)
            for pusher in pushers:
                pusher.enough.set()
                pusher.start()
            while sum(pusher.count["status 503"] for pusher in pushers) < 20 and any(p.is_alive() for p in pushers):
                time.sleep(0.1)
            server.tell("wide")
            for pusher in pushers:
                pusher.join()
        comparison = held_against(made, _sent(pushers))
    total: Counter[str] = sum((pusher.count for pusher in pushers), Counter())
    wrong = [words for pusher in pushers for words in pusher.wrong]
    others = sum(many for what, many in total.items() if what.startswith("status ") and what != "status 503")
    measured = (
        f"{total['status 503']} answers of 503, {others} of another kind; afterwards {len(comparison.lost)} lost, "
    )
    measured += f"{len(comparison.doubled)} doubled of {len(_sent(pushers)):,} records"
    return Figure(
        key="22 sqlite",
        what="the disk is full for a while, SQLite",
        measured="; ".join([measured, *wrong[:2], *comparison.unsound[:2]]),
        target="503 while it is full, 0 lost, 0 doubled afterwards",
        met=comparison.clean
        and total["status 503"] >= 20
        and others == 0
        and not any(pusher.open for pusher in pushers),
        seed=seed,
    )
