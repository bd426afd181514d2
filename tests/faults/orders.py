"""All orders of five dependent records, one by one and in parallel (failure modes 46, 48).

Each order gets its own visit: en route, arrived, working, parts request on site, report. The final state of the visit
must not depend on the order of arrival.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier
from typing import Any

from sqlalchemy import select

from benchmarks.world import World
from fieldapp.field.jobs.models import Job, Visit, VisitEvent
from fieldapp.field.reports.models import ServiceReport
from fieldapp.platform.extensions import db
from tests.faults.figures import Figure, Size
from tests.faults.support.seeds import seeded
from tests.faults.support.stories import Author, Frozen, held_against
from tests.faults.support.worlds import DATABASES, on

ORDERS: dict[Size, int] = {"short": 20, "long": 120}
RACES: dict[Size, int] = {"short": 10, "long": 50}


def run(size: Size) -> Iterator[Figure]:
    """Yield one figure per database."""
    for key in DATABASES:
        yield measured(key, ORDERS[size], RACES[size])


def measured(key: str, count: int, races: int) -> Figure:
    """Compare the final states of all visits; every record has one effect."""
    seed, chance = seeded(f"orders {key}")
    orders = chance.sample(list(permutations(range(5))), count)
    with on(key) as made:
        author = Author(made, made.bench.cast.tech, random.Random(chance.random()))
        stories = [author.visit() for _ in range(count + races)]
        for story, order in zip(stories, orders, strict=False):
            for number in order:
                made.bench.push(author.person, story[number].body)
        for story in stories[count:]:
            _at_once(made, author, story)
        states = [_state(made, story) for story in stories]
        comparison = held_against(made, [record for story in stories for record in story])
    kinds = sorted(set(states))
    measured = f"{count} orders one by one, {races} races of five, {len(kinds)} last state, "
    measured += f"{len(comparison.lost)} lost, {len(comparison.doubled)} doubled"
    return Figure(
        key=f"19 {key}",
        what=f"all orders of five dependent records, {DATABASES[key]}",
        measured="; ".join([measured, *kinds[1:3], *comparison.unsound[:2]]),
        target=f"{count} orders and {races} races end in one state, one effect each",
        met=len(kinds) == 1 and comparison.clean,
        seed=seed,
    )


def _at_once(made: World, author: Author, story: list[Frozen]) -> None:
    barrier = Barrier(len(story))

    def push(record: Frozen) -> None:
        barrier.wait(60)
        made.bench.push(author.person, record.body)

    with ThreadPoolExecutor(len(story)) as pool:
        list(pool.map(push, story))


def _state(made: World, story: list[Frozen]) -> str:
    """Return the rows of the visit without ids and times."""
    visit_id = json.loads(story[0].body)["agg"][1]
    with made.bench.app.app_context():
        visit = db.session.get_one(Visit, visit_id)
        state: dict[str, Any] = {
            "visit": visit.state,
            "job": db.session.get_one(Job, visit.job_id).state,
            "events": sorted(db.session.scalars(select(VisitEvent.kind).where(VisitEvent.visit_id == visit_id))),
            "report": list(db.session.scalars(select(ServiceReport.state).where(ServiceReport.visit_id == visit_id))),
        }
        db.session.remove()
    return json.dumps(state)
