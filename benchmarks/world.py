"""An application with people, and as many jobs or expenses as a benchmark wants."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import session
from sqlalchemy import insert, text

from fieldapp.field.customers.models import Asset, Contact, Customer, Site
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitMember
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.search import index_rows
from fieldapp.services.accounts.session import sign_in
from tests.support import postgres
from tests.support.bench import Bench, Person, build_app

CHUNK = 5000
#: A session notices another browser and its cookie is then signed anew for every answer.
BROWSER = "bench"
#: What people search for; inserted in bulk, it goes into the search index by hand.
FOUND = (Customer, Contact, Asset, Job)
Rows = dict[Any, list[dict[str, Any]]]
DATA = Path(__file__).resolve().parent.parent / "fieldapp" / "demo" / "data"


def _read(name: str) -> list[dict[str, Any]]:
    return list(json.loads((DATA / f"{name}.json").read_text()))


#: Names, places and complaints as long as real ones: those of the demo data.
CUSTOMERS = _read("customers")
JOBS = _read("jobs")


@dataclass
class World:
    """The bench with its folder and, on PostgreSQL, the address of its database."""

    bench: Bench
    folder: Path
    url: str = ""

    def cookie(self, person: Person) -> str:
        """The session cookie of a signed-in person, as signing in leaves it."""
        app = self.bench.app
        signer: Any = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        with app.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}, headers={"User-Agent": BROWSER}):
            sign_in(person.id)
            app.session_interface.should_set_cookie(app, session)
            db.session.remove()
            return str(signer.dumps(dict(session)))

    def headers(self, person: Person, **more: str) -> dict[str, str]:
        """Headers of a signed-in phone in Chinese."""
        return {
            "Cookie": f"session={self.cookie(person)}",
            "User-Agent": BROWSER,
            "Accept-Language": "zh-CN",
            "Accept-Encoding": "br",
            **more,
        }


@contextmanager
def world(url: str = "") -> Iterator[World]:
    """An application on an empty database with the cast in it, gone at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(build_app(Path(folder), url))
        bench.reset()
        yield World(bench, Path(folder), url)
        with bench.app.app_context():
            db.engine.dispose()


@contextmanager
def postgres_world() -> Iterator[World]:
    """The same on PostgreSQL."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres.database())
        yield stack.enter_context(world(url))


def fill_jobs(bench: Bench, count: int, start: int = 0, group: int = 1) -> None:
    """`count` planned jobs in a group, ten to a customer, each with an asset and a visit of the technician's.

    The visits lie in the next four days; numbers go on from `start`, so that a world can grow.
    """
    chance = random.Random(start)
    with bench.app.app_context():
        for first in range(start, start + count, CHUNK):
            rows = _chunk(bench, range(first, min(first + CHUNK, start + count)), group, chance)
            with writing() as session:
                for model, values in rows.items():
                    if values:
                        session.execute(insert(model), values)
                        if model in FOUND:
                            index_rows(session.connection(), model, values)
        db.session.remove()
        settle()


def settle() -> None:
    """What PostgreSQL does by itself within minutes of so many rows; not in the middle of being measured."""
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _chunk(bench: Bench, numbers: range, group: int, chance: random.Random) -> Rows:
    rows: Rows = {model: [] for model in (Customer, Site, Contact, Asset, Job, JobAsset, Visit, VisitMember)}
    place: dict[str, str] = {}
    for number in numbers:
        if number % 10 == 0 or not place:
            place = _customer(rows, number, chance.choice(CUSTOMERS))
        _job(rows, bench.cast.tech.id, number, place, group)
    return rows


def _customer(rows: Rows, number: int, like: dict[str, Any]) -> dict[str, str]:
    new = {name: str(ids.uuid7()) for name in ("customer", "site", "contact")}
    site = like["sites"][0]
    rows[Customer].append(
        {"id": new["customer"], "name": f"{like['name']}{number // 10}", "kind": "company", "phone": f"199{number:08d}"}
    )
    rows[Site].append(
        {
            "id": new["site"],
            "customer_id": new["customer"],
            "name": site["name"],
            "address": site["address"],
            "lat": 34.75,
            "lon": 113.7,
        }
    )
    rows[Contact].append(
        {
            "id": new["contact"],
            "site_id": new["site"],
            "name": site["contacts"][0]["name"],
            "phone": f"198{number:08d}",
        }
    )
    return new


def _job(rows: Rows, technician: int, number: int, place: dict[str, str], group: int) -> None:
    job, asset, visit = (str(ids.uuid7()) for _ in range(3))
    like = JOBS[number % len(JOBS)]
    start, _ = clock.day_bounds(clock.today())
    planned = start + timedelta(days=number % 4, hours=8, minutes=number % 540)
    rows[Asset].append(
        {
            "id": asset,
            "site_id": place["site"],
            "category": like["category"],
            "model": "VT-206N",
            "serial_no": f"88{number:08d}",
            "plate": f"\u8c6bA\u00b7{number:06d}",
        }
    )
    rows[Job].append(
        {
            "id": job,
            "number": f"W-{number:08d}",
            "customer_id": place["customer"],
            "site_id": place["site"],
            "contact_id": place["contact"],
            "group_id": group,
            "title": like["title"],
            "said": like["said"],
            "category": like["category"],
            "service_class": like["service_class"],
            "urgency": like["urgency"],
            "channel": like["channel"],
            "state": "planned",
            "received_at": start - timedelta(minutes=7 * number),
        }
    )
    rows[JobAsset].append({"job_id": job, "asset_id": asset, "position": 0})
    rows[Visit].append(
        {"id": visit, "job_id": job, "technician_id": technician, "planned_start": planned, "state": "accepted"}
    )
    rows[VisitMember].append({"visit_id": visit, "user_id": technician, "in_charge": True})
