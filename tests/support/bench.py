"""What the fixtures in conftest.py are made of."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask, request
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import event, func, inspect, select, text

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.field.customers.models import Asset, Contact, Customer, Site
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitMember
from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import SYSTEM_ID, Actor
from fieldapp.platform.commandbus import SYNC, Result, execute, writing
from fieldapp.platform.commandbus.models import ActorRow
from fieldapp.platform.database.statements import asked
from fieldapp.platform.extensions import db, limiter
from fieldapp.services.accounts import sessions
from fieldapp.services.accounts.models import Group, Membership, User
from fieldapp.services.accounts.passwords import hash_password
from fieldapp.services.accounts.queries import actor_of
from fieldapp.services.devices import Device
from fieldapp.services.schedule import drain

PASSWORD = "a good password"  # noqa: S105 - of the test cast
DEVICE = str(uuid4())
#: Since when the cast holds its roles: before anything that tests write.
LONG_AGO = date(2020, 1, 1)


@dataclass(frozen=True)
class Person:
    id: int
    username: str
    name: str


@dataclass
class Cast:
    tech: Person
    tech2: Person
    other_tech: Person
    leader: Person
    other_leader: Person
    finance: Person
    agent: Person
    manager: Person
    purchasing: Person
    executive: Person
    hr: Person
    quality: Person
    admin: Person
    group: int
    other_group: int


ROLES = [
    ("tech", "technician", 1),
    ("tech2", "technician", 1),
    ("other_tech", "technician", 2),
    ("leader", "leader", 1),
    ("other_leader", "leader", 2),
    ("finance", "finance", None),
    ("agent", "agent", None),
    ("manager", "manager", None),
    ("purchasing", "purchasing", None),
    ("executive", "executive", None),
    ("hr", "hr", None),
    ("quality", "quality", None),
    ("admin", "admin", None),
]
_HASH = hash_password(PASSWORD)


def build_app(folder: Path, url: str = "", roots: tuple[str, ...] = ("fieldapp",), **extra: Any) -> Flask:
    config = Config(data=folder, database_url=url, feature_roots=roots, testing=True, extra=extra)
    app = create_app(config)
    with app.app_context():
        db.create_all()
        db.session.remove()
    return app


class QueryCount:
    """Counts the statements that reach the database."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.statements: list[str] = []

    @property
    def count(self) -> int:
        return len(self.statements)

    def _note(self, _c: Any, _cur: Any, statement: str, *_: Any) -> None:
        self._note_words(statement)

    def _note_words(self, statement: str) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "PRAGMA")):
            self.statements.append(statement)

    def __enter__(self) -> QueryCount:
        with self.app.app_context():
            self.engine = db.engine
        event.listen(self.engine, "before_cursor_execute", self._note)
        asked.connect(self._note_words)
        return self

    def __exit__(self, *_: Any) -> None:
        event.remove(self.engine, "before_cursor_execute", self._note)
        asked.disconnect(self._note_words)


class Bench:
    """One application; `reset()` empties its database and puts the cast in."""

    cast: Cast

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.seq = 0

    def reset(self) -> None:
        self.app.extensions.pop("instance", None)
        limiter.reset()
        with self.app.app_context():
            self._empty()
            with writing() as session:
                groups = [
                    Group(id=1, name="Group one", city="Zhengzhou"),
                    Group(id=2, name="Group two", city="Luoyang"),
                ]
                session.add_all(groups)
                session.add(ActorRow(id=SYSTEM_ID, kind="system", label="system"))
                session.flush()
                people = {}
                for number, (key, role, group) in enumerate(ROLES, start=1):
                    user = User(
                        id=number,
                        username=key,
                        name=f"{key.title()} Person",
                        password_hash=_HASH,
                        active=True,
                        created_at=clock.now(),
                    )
                    session.add(user)
                    session.flush()
                    session.add(Membership(user_id=number, group_id=group, role=role, from_on=LONG_AGO))
                    people[key] = Person(number, key, user.name)
                if session.get_bind().dialect.name == "postgresql":
                    # Ids given by hand do not move the sequences: the next account would get the id 1.
                    for table, used in (("actor", len(people)), ("group", len(groups))):
                        sequence = func.pg_get_serial_sequence(f'"{table}"', "id")
                        session.execute(select(func.setval(sequence, used)))
            db.session.remove()
        self.cast = Cast(**people, group=1, other_group=2)

    def _empty(self) -> None:
        # The sample feature's table is known to the process once its test ran, but is not in every database.
        there = set(inspect(db.engine).get_table_names())
        names = [f'"{table.name}"' for table in reversed(db.metadata.sorted_tables) if table.name in there]
        with writing() as session:
            if session.get_bind().dialect.name == "postgresql":
                session.execute(text(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE"))
            else:
                session.execute(text("PRAGMA defer_foreign_keys=ON"))
                for name in names:
                    session.execute(text(f"DELETE FROM {name}"))  # noqa: S608 - our own table names
                session.execute(text("DELETE FROM sqlite_sequence"))

    # -- verbs -----------------------------------------------------------------------------------------------

    def actor(self, person: Person) -> Actor:
        with self.app.app_context():
            actor = actor_of(person.id)
            db.session.remove()
            return actor

    def envelope(self, person: Person, kind: str, agg: tuple[str, str], data: dict[str, Any], **over: Any) -> str:
        """A frozen envelope as a phone makes it; `over` replaces any of its fields."""
        self.seq += 1
        body = {
            "v": 1,
            "op": str(ids.uuid7()),
            "dev": DEVICE,
            "ep": "0a1b2c3d",
            "user": person.id,
            "seq": self.seq,
            "kind": kind,
            "schema": 1,
            "build": "test",
            "agg": list(agg),
            "base": None,
            "depends": [],
            "supersedes": None,
            "at": {"utc": clock.iso(clock.now()), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 5},
            "data": data,
            "atts": [],
        }
        return json.dumps({**body, **over}, ensure_ascii=False)

    def push(self, person: Person, *bodies: str) -> list[Result]:
        actor = self.actor(person)
        with self.app.test_request_context(headers={"Accept-Language": "en"}):
            try:
                return execute(bodies, actor, SYNC)
            finally:
                db.session.remove()

    def send(self, person: Person, kind: str, agg: tuple[str, str], data: dict[str, Any], **over: Any) -> Result:
        return self.push(person, self.envelope(person, kind, agg, data, **over))[0]

    def know_phone(self, person: Person) -> None:
        """Let the server know a person's phone for a year, with a clock that is right."""
        now = clock.now()
        seen = {"first_seen_at": now - timedelta(days=365), "last_seen_at": now, "clock_offset_ms": 0}
        phone = Device(dev=DEVICE, ep="0a1b2c3d", user_id=person.id, build="", display_mode="", **seen)
        with self.app.app_context():
            with writing() as session:
                session.add(phone)
            db.session.remove()

    def tick(self, at: datetime | None = None) -> int:
        """Do what is due at a moment, as `flask tick` does; return the number of tries."""
        moment = at or clock.now()
        with clock.standing_at(moment):
            return drain(self.app, moment)

    def session_of(self, person: Person, **headers: str) -> str:
        """The secret of a new session of this person, as signing in leaves it."""
        with self.app.test_request_context(headers=headers), writing() as session:
            return sessions.begin(session, person.id, request)

    def client_of(self, person: Person) -> FlaskClient:
        client = self.app.test_client()
        secret = self.session_of(person)
        with client.session_transaction() as session:
            session["_user_id"] = secret
            session["_fresh"] = True
        client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        return client

    def pack_of(self, person: Person) -> dict[str, str]:
        """The ETags of the pages that this person's phone keeps, by address."""
        answer = self.client_of(person).get("/sync/pack")
        assert answer.status_code == 200, answer.data
        return {entry["url"]: entry["etag"] for entry in answer.get_json()["entries"]}

    def photo(self, role: str = "photo") -> tuple[dict[str, Any], bytes]:
        """An attachment note and its bytes: a small real JPEG, never the same twice."""
        out = BytesIO()
        Image.frombytes("RGB", (16, 12), os.urandom(16 * 12 * 3)).resize((64, 48)).save(out, "JPEG")
        data = out.getvalue()
        note = {
            "id": str(ids.uuid7()),
            "name": "photo.jpg",
            "mime": "image/jpeg",
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "role": role,
        }
        return note, data

    def make_job(
        self,
        technician: Person | None = None,
        group: int = 1,
        start: datetime | None = None,
        state: str = "accepted",
        others: tuple[Person, ...] = (),
        **job: Any,
    ) -> tuple[str, str]:
        """A customer with one site, contact and asset, a job there, and a visit of the technician's."""
        technician = technician or self.cast.tech
        now = datetime.now(UTC)
        # Today also when these tests run at the end of a day.
        start = start or min(now + timedelta(minutes=30), clock.day_bounds(clock.today())[1] - timedelta(minutes=1))
        new = lambda: str(ids.uuid7())  # noqa: E731
        customer, site, contact, asset, job_id, visit = (new() for _ in range(6))
        with self.app.app_context():
            with writing() as session:
                session.add(Customer(id=customer, name="Huayu Logistics", kind="company", phone="19900000001"))
                session.flush()
                session.add(
                    Site(id=site, customer_id=customer, name="Store 7", address="88 Shangdu Rd", lat=34.75, lon=113.7)
                )
                session.flush()
                session.add(Contact(id=contact, site_id=site, name="Liu", title="Fleet", phone="19900000002"))
                session.add(
                    Asset(
                        id=asset,
                        site_id=site,
                        category="gps_terminal",
                        model="GT06-N",
                        serial_no="8832019",
                        plate="HA8K321",
                        purchased_on=clock.today() - timedelta(days=400),
                        warranty_until=clock.today() - timedelta(days=35),
                    )
                )
                session.flush()
                values: dict[str, Any] = {
                    "title": "Terminal offline",
                    "fault_description": "It does not show on the map.",
                    "category": "gps_terminal",
                    "service_class": "chargeable",
                    "urgency": "normal",
                    "channel": "phone",
                    "state": "planned",
                    "received_at": now - timedelta(hours=2),
                    "contact_id": contact,
                }
                session.add(
                    Job(
                        id=job_id,
                        number=f"W-{job_id[-10:]}",
                        customer_id=customer,
                        site_id=site,
                        group_id=group,
                        **{**values, **job},
                    )
                )
                session.flush()
                session.add(JobAsset(job_id=job_id, asset_id=asset))
                session.add(
                    Visit(id=visit, job_id=job_id, technician_id=technician.id, planned_start=start, state=state)
                )
                session.flush()
                for position, person in enumerate((technician, *others)):
                    session.add(VisitMember(visit_id=visit, user_id=person.id, in_charge=position == 0))
            db.session.remove()
        return job_id, visit
