"""What a large database costs: pages of the list deep inside it, and finding one job in it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import Any

from sqlalchemy import func, select

from benchmarks.harness import Contender, Row, at_most, interleave, middle, ratio
from benchmarks.world import World, fill_jobs, postgres_world, world
from fieldapp.field.customers.models import Asset, Customer
from fieldapp.field.jobs.models import Job, JobAsset
from fieldapp.field.jobs.queries.board import group_jobs
from fieldapp.field.jobs.queries.search import found
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import db
from tests.support.bench import Person

SMALL, LARGE, FULL = 1_000, 100_000, 1_000_000
ROUNDS, REQUESTS = 7, 4
SEARCH_MS = 20


def run(full: bool = False) -> list[Row]:
    """On both databases."""
    rows: list[Row] = []
    for name, make in {"SQLite": world, "PostgreSQL": postgres_world}.items():
        with ExitStack() as stack:
            small, large = stack.enter_context(make()), stack.enter_context(make())
            fill_jobs(small.bench, SMALL)
            fill_jobs(large.bench, FULL if full else LARGE)
            rows += _lists(name, small, large, FULL if full else LARGE)
            rows += _search(name, large, FULL if full else LARGE)
    return rows


def _lists(name: str, small: World, large: World, size: int) -> list[Row]:
    rows = []
    for what, path in {"first page": None, "page at 90 %": 0.9}.items():
        contenders = {
            label: Contender(_asks(made, made.bench.cast.leader, _page(made, path)))
            for label, made in (("large", large), ("small", small))
        }
        taken = interleave(ROUNDS, contenders)
        note = f"{middle(taken['large'], 'wall') / 1000:.1f} against {middle(taken['small'], 'wall') / 1000:.1f} ms"
        title = f"job list, {what}, {size:,} jobs against {SMALL:,}, {name}"
        rows.append(at_most(title, ratio(taken, "large", "small", "wall"), 1.5, " ×", note))
    return rows


def _page(made: World, depth: float | None) -> str:
    """The address of a page that begins this deep in the list, as "More" would lead there."""
    if depth is None:
        return "/jobs"
    with made.bench.app.app_context():
        jobs = select(Job.received_at, Job.id).order_by(Job.received_at.desc(), Job.id.desc())
        count = db.session.scalar(select(func.count()).select_from(Job)) or 0
        received, job = db.session.execute(jobs.offset(int(count * depth)).limit(1)).one()
        db.session.remove()
    key = json.dumps([{"t": clock.iso_exact(received)}, job]).encode()
    return f"/jobs?after={base64.urlsafe_b64encode(key).decode().rstrip('=')}"


def _asks(made: World, person: Person, path: str) -> Callable[[Any], int]:
    client = made.bench.client_of(person)

    def work(_: Any) -> int:
        for _ in range(REQUESTS):
            if client.get(path).status_code != 200:
                raise RuntimeError(f"{path} does not answer")
        return REQUESTS

    return work


def _search(name: str, made: World, size: int) -> list[Row]:
    """The query of the list's search field, without the page around it."""
    rows = []
    leader = made.bench.actor(made.bench.cast.leader)
    with made.bench.app.app_context():
        for what, text in _at_hand(size).items():
            taken, count = zip(*(_seconds(leader, text) for _ in range(5)), strict=True)
            if not count[0]:
                raise RuntimeError(f"nothing is found by {what}")
            title = f"search by {what} in {size:,} jobs, {name}"
            rows.append(at_most(title, median(taken) * 1000, SEARCH_MS, " ms", f"{count[0]} on the page"))
        db.session.remove()
    return rows


def _seconds(leader: Actor, text: str) -> tuple[float, int]:
    """From the words to the rows: the search asks the database before the list does."""
    start = time.perf_counter()
    query = found(group_jobs(leader), text).order_by(Job.received_at.desc(), Job.id.desc()).limit(51)
    count = len(db.session.execute(query).all())
    return time.perf_counter() - start, count


def _at_hand(size: int) -> dict[str, str]:
    """What people know of one job in the middle."""
    columns = (Job.number, Customer.phone, Asset.plate, Asset.serial_no, Customer.name)
    query = (
        select(*columns)
        .join(Customer, Customer.id == Job.customer_id)
        .join(JobAsset, JobAsset.job_id == Job.id)
        .join(Asset, Asset.id == JobAsset.asset_id)
        .where(Job.number >= f"W-{size // 2:08d}")
        .order_by(Job.number)
        .limit(1)
    )
    number, phone, plate, serial, customer = db.session.execute(query).tuples().one()
    known = {"number": number, "telephone": phone, "plate": str(plate), "serial number": serial, "name": customer}
    return {**known, "two characters of a name": customer[:2], "the end of a plate": str(plate)[-4:]}
