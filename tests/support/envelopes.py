"""Envelopes of a release, frozen for ever: a working day in which every command occurs, with fixed ids.

`make freeze b=0.2.0` writes tests/fixtures/envelopes/0.2.0/. What is written there once is never changed: phones in
the field hold such strings for years (ADR 22, failure mode 58).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from fieldapp.field.customers.models import Asset, Contact, Customer, Site
from fieldapp.field.jobs.models import Job, JobAsset, Visit, VisitMember
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import Command, DueData, Result, writing
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import UserSession
from fieldapp.services.devices import Device
from fieldapp.services.schedule.commands import CLOCK_ID
from fieldapp.services.schedule.models import DueWork, ScheduleClock
from tests.support.bench import Bench, Person, build_app

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "envelopes"
DEVICE = "6dd8680c-5298-40ab-adc7-66fe90978c82"
#: 40 photos are a lot; the hash only has to look like one.
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#: More than the days after which a person decides about a waiting record.
LONG_AGO = timedelta(days=6)


def fixed(number: int) -> str:
    """The id that is `number` in every build's world."""
    return f"01930000-0000-7000-8000-{number:012d}"


OPEN_JOB, VISIT, REFUSED_VISIT, PLANNED_VISIT = fixed(101), fixed(111), fixed(112), fixed(113)
OTHER_JOB, OTHER_VISIT = fixed(102), fixed(114)
ASSET = fixed(4)
#: The asset as its form shows it.
SEEN = {"model": "GT06-N", "serial_no": "8832019", "plate": None, "sim_no": None, "mounted_at": None}
SEEN |= {"warranty_until": None, "note": None}
ITEMS, CLAIMS = [fixed(200 + n) for n in range(8)], [fixed(220 + n) for n in range(4)]
PARTS, REPORT = [fixed(240 + n) for n in range(4)], fixed(260)
#: A phone that lost two records; on it two others were written, which refer to a record that never comes.
LOST_PHONE, LIFE = fixed(430), "0a1b2c3d"
WAITING, NEVER = [fixed(440), fixed(441)], fixed(442)
#: The photo of the first expense; its bytes are not sent.
RECEIPT = fixed(450)
PARKED = [fixed(480), fixed(481)]
POSITION = {"position": {"lat": 34.75, "lon": 113.7, "accuracy_m": 12, "age_s": 3}}
STROKES = [[60, 120, 90, 60, 130, 140], [200, 100, 240, 90, 300, 130]]


@dataclass(frozen=True)
class Step:
    """One command of the day: who, what, on which record; `photo` is the role of its file, `file` that file's id."""

    who: str
    kind: str
    agg: tuple[str, str]
    data: Mapping[str, Any]
    photo: str = ""
    file: str = ""
    base: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Frozen:
    """One frozen envelope as it lies in a build's folder."""

    build: str
    name: str
    body: str

    @property
    def kind(self) -> str:
        """Its command."""
        return str(json.loads(self.body)["kind"])

    @property
    def schema(self) -> int:
        """The version of its data."""
        return int(json.loads(self.body)["schema"])


def memberships(tomorrow: date) -> list[Step]:
    """What an administrator does with roles and groups. The cast of the world holds 13 roles."""
    person = ("user", str(UUID(int=3)))
    post = {"from_on": tomorrow.isoformat(), "reason": "Needed there"}
    return [
        Step("admin", "membership.begin", person, {"post": "vice_leader", "group_id": "2", **post}),
        Step("admin", "membership.change", person, {"membership_id": "14", "post": "leader", "group_id": "1", **post}),
        Step("admin", "membership.end", person, {"membership_id": "15", "reason": "Not needed"}),
        Step("admin", "group.found", ("group", fixed(470)), {"id": fixed(470), "name": "Group three", "city": "Wuhu"}),
        Step("admin", "group.change", ("group", str(UUID(int=3))), {"name": "Group 3", "city": "Wuhu"}),
    ]


def day(moment: datetime) -> list[Step]:
    """Every command that a phone or desk may send, each where it is legal. A new command gets a line here."""
    local = clock.local(moment)
    today, tomorrow = local.date(), local.date() + timedelta(days=1)
    lines = [{"name": "Probe", "qty": "2", "unit_price": "85.00", "note": "short"}]
    ask = {
        "job_id": OPEN_JOB,
        "urgency": "normal",
        "wanted_on": tomorrow.isoformat(),
        "reason": "stock",
        "lines": lines,
    }
    sheet = {
        "result": "solved",
        "fault": "No signal",
        "cause": "Feed aged",
        "work": "Feed replaced",
        "labour_minutes": "45",
        "parts": [{"name": "Feed", "qty": "1", "old_serial": "A1", "new_serial": "B2"}],
        "devices": [{"plate": "HA8K321", "driver": "Zhao", "old_terminal": "8832019", "new_terminal": "8832020"}],
        "fee_amount": "80.00",
        "fee_method": "cash",
        "explained": "Keep dry",
        "customer_name": "Liu",
        "signature": STROKES,
        "satisfaction": "5",
    }
    # A changed report is signed anew (D-JOB-12).
    corrected = {**sheet, "work": "Feed and antenna replaced", "signature": [[61, 119, 95, 66, 131, 142]]}
    spent = {"kind": "local_transport", "amount": "46.00", "spent_on": today.isoformat(), "note": "公交车"}
    fapiao = {"fapiao_number": "24112000000012345678", "fapiao_amount": "46.00"}

    turn = {"from_at": f"{tomorrow}T08:00", "to_at": f"{tomorrow}T18:00"}
    deputy = {"id": fixed(460), "deputy_id": "2", "reason": "Training", **turn}

    def visit(verb: str, **data: Any) -> Step:
        return Step("tech", f"visit.{verb}", ("visit", VISIT), {**POSITION, **data})

    def expense(n: int, **more: Any) -> Step:
        return Step(
            "tech", "expense_item.capture", ("expense_item", ITEMS[n]), {"id": ITEMS[n], **spent, **more}, "receipt"
        )

    def claim(n: int, *items: int) -> Step:
        data = {"id": CLAIMS[n], "items": [ITEMS[one] for one in items], "note": "week 47"}
        return Step("tech", "expense_claim.submit", ("expense_claim", CLAIMS[n]), data)

    def decide(noun: str, record: str, verb: str) -> Step:
        return Step("leader", f"{noun}.{verb}", (noun, record), {"reason": "as agreed"})

    def lead(kind: str, record: str, **data: Any) -> Step:
        return Step("leader", kind, (kind.partition(".")[0], record), data)

    def parts(n: int) -> Step:
        return Step("tech", "parts_request.submit", ("parts_request", PARTS[n]), {"id": PARTS[n], **ask}, "photo")

    report = ("service_report", REPORT)
    planned = {
        "id": PLANNED_VISIT,
        "job_id": OPEN_JOB,
        "technician_id": "2",
        "planned_start": f"{tomorrow.isoformat()}T09:00",
        "planned_minutes": "90",
    }
    shown = {
        "title": "Terminal offline",
        "said": "It does not show on the map.",
        "urgency": "normal",
        "planned_start": planned["planned_start"],
        "planned_minutes": 90,
    }
    changed = {**shown, "urgency": "emergency", "planned_minutes": "120", "visit_id": PLANNED_VISIT}
    amended = {name: value for name, value in SEEN.items() if value} | {"plate": "HA8K321"}

    change = {
        "id": fixed(300),
        "key": "attachments.max_megabytes",
        "value": "20",
        "valid_from": tomorrow.isoformat(),
        "reason": "small disk",
    }
    correction = {**change, "id": fixed(304), "value": "30", "valid_from": today.isoformat()}
    week = {name: "08:30-12:00, 13:00-17:30" for name in ("monday", "tuesday", "wednesday", "thursday", "friday")}
    free = {
        "id": fixed(301),
        "day": tomorrow.isoformat(),
        "kind": "holiday",
        "label": "Founding day",
        "reason": "Board",
    }
    works = {"id": fixed(302), "day": tomorrow.isoformat(), "reason": "Called off"}
    view = {"id": fixed(470), "list": "jobs", "query": "state=new&sort=urgent", "name": "New", "shared_with": "me"}
    return [
        visit("accept"),
        visit("set_out"),
        visit("arrive"),
        visit("start"),
        visit("pause", reason="lunch"),
        visit("resume"),
        Step("tech", "asset.amend", ("asset", ASSET), amended, base={"ver": 1, "fields": SEEN}),
        Step("tech", "visit.refuse", ("visit", REFUSED_VISIT), {"reason": "Two at the same hour"}),
        Step("leader", "job.dispatch", ("visit", PLANNED_VISIT), planned),
        Step("leader", "job.change", ("job", OPEN_JOB), changed, base={"ver": 1, "fields": shown}),
        lead("visit.reassign", PLANNED_VISIT, technician_id="1", second_id="2", reason="Knows the place"),
        lead("visit.cancel", PLANNED_VISIT, reason="Not needed any more"),
        lead("job.cancel", OTHER_JOB, reason="The customer called it off"),
        lead("job.restore", OTHER_JOB),
        Step("tech", "service_report.submit", report, {"id": REPORT, "visit_id": VISIT, **sheet}, "photo"),
        decide("service_report", REPORT, "return"),
        Step("tech", "service_report.resubmit", report, corrected, "photo"),
        decide("service_report", REPORT, "accept"),
        parts(0),
        decide("parts_request", PARTS[0], "return"),
        Step("tech", "parts_request.resubmit", ("parts_request", PARTS[0]), ask),
        decide("parts_request", PARTS[0], "approve"),
        parts(1),
        decide("parts_request", PARTS[1], "reject"),
        parts(2),
        Step("tech", "parts_request.withdraw", ("parts_request", PARTS[2]), {}),
        replace(expense(0, **fapiao, job_id=OPEN_JOB), file=RECEIPT),
        expense(1, kind="taxi", amount="12.50"),
        expense(2, kind="parking", amount="5.00"),
        expense(3, kind="postage", amount="8.00"),
        Step("tech", "attachment.add", ("expense_item", ITEMS[0]), {"missing": RECEIPT}, "photo"),
        Step("tech", "expense_item.resubmit", ("expense_item", ITEMS[1]), {**spent, "kind": "taxi", "amount": "15.20"}),
        Step("tech", "expense_item.discard", ("expense_item", ITEMS[3]), {}),
        claim(0, 0),
        decide("expense_claim", CLAIMS[0], "approve"),
        claim(1, 1),
        decide("expense_claim", CLAIMS[1], "return"),
        claim(1, 1),
        decide("expense_claim", CLAIMS[1], "reject"),
        claim(2, 2),
        Step("tech", "expense_claim.withdraw", ("expense_claim", CLAIMS[2]), {}),
        Step("tech", "notice.dismiss", ("notice", fixed(400)), {"up_to": "1"}),
        lead("waiting_record.accept", WAITING[0]),
        lead("waiting_record.reject", WAITING[1], reason="Which job is this?"),
        lead("device.acknowledge", LOST_PHONE, user_id="1", count="2"),
        lead("device.revoke", LOST_PHONE, user_id="1", reason="Lost on the way"),
        Step("tech", "session.end_others", ("session", fixed(410)), {}),
        Step("tech", "session.end", ("session", fixed(410)), {}),
        Step("admin", "setting.change", ("setting", fixed(300)), change),
        Step("admin", "setting.correct", ("setting", fixed(304)), correction),
        Step("admin", "setting.withdraw", ("setting", fixed(300)), {"reason": "larger disk"}),
        Step("admin", "calendar.set_days", ("calendar", fixed(301)), free),
        Step("admin", "calendar.remove_day", ("calendar", fixed(302)), works),
        Step("admin", "calendar.set_week", ("calendar", fixed(303)), {"id": fixed(303), **week, "reason": "Lunch"}),
        Step("leader", "list_view.save", ("list_view", fixed(470)), view),
        Step("leader", "list_view.rename", ("list_view", fixed(470)), {"name": "Urgent ones"}),
        Step("leader", "list_view.delete", ("list_view", fixed(470)), {}),
        *memberships(tomorrow),
        Step("leader", "deputy.name", ("deputy", fixed(460)), deputy),
        Step("leader", "deputy.end", ("deputy", fixed(460)), {}),
        Step("admin", "due_work.retry", ("due_work", PARKED[0]), {}),
        Step("admin", "due_work.give_up", ("due_work", PARKED[1]), {"reason": "Not needed any more"}),
        Step("admin", "schedule.confirm_clock", ("schedule", CLOCK_ID), {}),
        Step("admin", "user.deactivate", ("user", str(UUID(int=2))), {}),
        Step("admin", "user.activate", ("user", str(UUID(int=2))), {}),
    ]


def world(bench: Bench, moment: datetime) -> None:
    """What the day's records refer to: the cast, a customer, two jobs with their visits, a phone, waiting records."""
    with clock.standing_at(moment):
        bench.reset()
        with bench.app.app_context():
            with writing() as session:
                session.add(Customer(id=fixed(1), name="Huayu Logistics", kind="company", phone="19900000001"))
                session.flush()
                session.add(Site(id=fixed(2), customer_id=fixed(1), name="Store 7", address="88 Shangdu Rd"))
                session.flush()
                session.add(Contact(id=fixed(3), site_id=fixed(2), name="Liu", title="Fleet", phone="19900000002"))
                session.add(
                    Asset(id=ASSET, site_id=fixed(2), category="gps_terminal", model="GT06-N", serial_no="8832019")
                )
                session.flush()
                session.add_all([_job(OPEN_JOB, "W-frozen-1", moment), _job(OTHER_JOB, "W-frozen-2", moment)])
                session.flush()
                session.add(JobAsset(job_id=OPEN_JOB, asset_id=ASSET))
                tech = bench.cast.tech.id
                for number, (one, job) in enumerate(
                    ((VISIT, OPEN_JOB), (REFUSED_VISIT, OPEN_JOB), (OTHER_VISIT, OTHER_JOB))
                ):
                    start = moment + timedelta(hours=1 + 3 * number)
                    session.add(Visit(id=one, job_id=job, technician_id=tech, planned_start=start, state="assigned"))
                    session.flush()
                    session.add(VisitMember(visit_id=one, user_id=tech, in_charge=True))
                seen = {"browser": "", "address": "", "created_at": moment, "seen_at": moment}
                session.add(UserSession(id=fixed(410), hash="0" * 64, user_id=tech, **seen))
                session.add(_lost_phone(tech, moment))
                session.add_all(parked(op, moment) for op in PARKED)
                session.add(ScheduleClock(id=1, high_water=moment - LONG_AGO, paused_at=moment))
            db.session.remove()
    _waiting(bench, moment - LONG_AGO)
    bench.tick(moment)


def parked(op: str, moment: datetime) -> DueWork:
    """Due work that was tried too often."""
    about = {"kind": "waiting_record.expire", "key": NEVER, "agg_type": "waiting_record", "agg_id": NEVER}
    times = dict.fromkeys(("due_at", "late_after", "next_try_at"), moment - LONG_AGO)
    return DueWork(op=op, **about, **times, occurrence="1", catch_up="each", state="parked", attempts=8)


def _lost_phone(owner: int, moment: datetime) -> Device:
    since = moment - LONG_AGO
    missing = [3, 4]
    return Device(
        dev=LOST_PHONE,
        ep=LIFE,
        user_id=owner,
        build="frozen",
        display_mode="standalone",
        next_seq=5,
        first_seen_at=since,
        last_seen_at=moment,
        missing=missing,
        missing_count=len(missing),
        missing_since=since,
    )


def _waiting(bench: Bench, since: datetime) -> None:
    """Two expenses that refer to a record which never comes, long enough for a person to decide about them."""
    with clock.standing_at(since):
        day = clock.local(since).date().isoformat()
        for number, op in enumerate(WAITING, start=1):
            record = fixed(460 + number)
            data = {"id": record, "kind": "parking", "amount": "6.00", "spent_on": day, "note": "short"}
            over = {"op": op, "dev": LOST_PHONE, "ep": LIFE, "seq": number, "depends": [NEVER]}
            agg = ("expense_item", record)
            outcome = bench.send(bench.cast.tech, "expense_item.capture", agg, data, **over).outcome
            if outcome != "held":
                raise RuntimeError(f"the record that should wait is {outcome}")


def _job(record: str, number: str, moment: datetime) -> Job:
    return Job(
        id=record,
        number=number,
        customer_id=fixed(1),
        site_id=fixed(2),
        group_id=1,
        contact_id=fixed(3),
        title="Terminal offline",
        fault_description="It does not show on the map.",
        category="gps_terminal",
        service_class="chargeable",
        urgency="normal",
        channel="phone",
        state="planned",
        received_at=moment - timedelta(hours=2),
    )


def freeze(bench: Bench, build: str, moment: datetime) -> list[Frozen]:
    """The day's envelopes as this build's clients write them, in their order."""
    frozen = []
    commands = bench.app.extensions["commands"]
    numbers: dict[str, int] = {}
    for index, step in enumerate(day(moment)):
        who: Person = getattr(bench.cast, step.who)
        numbers[step.who] = numbers.get(step.who, 0) + 1
        at = moment + timedelta(minutes=10 * index)
        note = {
            "id": step.file or fixed(5000 + index),
            "name": "p.jpg",
            "mime": "image/jpeg",
            "size": 391230,
            "sha256": SHA,
        }
        over: dict[str, Any] = {
            "op": fixed(1000 + index),
            "dev": DEVICE,
            "seq": numbers[step.who],
            "build": build,
            "schema": commands[step.kind].version,
            "base": step.base,
            "at": {"utc": clock.iso(at), "tz": "Asia/Shanghai", "offset_ms": -380, "offset_age_s": 5400},
            "atts": [{**note, "role": step.photo}] if step.photo else [],
        }
        body = bench.envelope(who, step.kind, step.agg, dict(step.data), **over)
        # Without spaces, as browsers write JSON.
        body = json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
        frozen.append(Frozen(build, f"{index:02d}-{step.kind}", body))
    return frozen


def replay(bench: Bench, frozen: list[Frozen], moment: datetime) -> Iterator[tuple[Frozen, Result]]:
    """Sends a build's envelopes to this server in the world they were made for, as their authors, on their day.

    Each arrives when it was written: whoever decides has seen what was sent before.
    """
    world(bench, moment)
    people = {person.id: person for person in vars(bench.cast).values() if isinstance(person, Person)}
    for one in frozen:
        written = json.loads(one.body)
        with clock.standing_at(clock.parse_iso(written["at"]["utc"])):
            yield one, bench.push(people[written["user"]], one.body)[0]


def builds() -> list[str]:
    """Every build that was frozen."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def read(build: str) -> tuple[list[Frozen], datetime]:
    """A build's envelopes in their order, and the day they were made for."""
    folder = FOLDER / build
    said = json.loads((folder / "build.json").read_text())
    frozen = [Frozen(build, path.stem, path.read_text()) for path in sorted(folder.glob("[0-9]*.json"))]
    return frozen, clock.parse_iso(said["at"])


def gaps(commands: Mapping[str, Command], frozen: list[Frozen], release: str) -> list[str]:
    """What is wrong between the commands and what was frozen, in words; `release` is "" between releases.

    Commands that only the clock sends lie on no phone.
    """
    found = []
    for one in frozen:
        command = commands.get(one.kind)
        if command is None:
            found.append(f"{one.kind} of {one.build} is no command any more: phones may still send it")
        elif not command.oldest <= one.schema <= command.version:
            found.append(f"{one.kind} of {one.build} has schema {one.schema}: no lift leads from there")
    for kind, command in commands.items():
        newest = max((one.schema for one in frozen if one.kind == kind), default=None)
        if newest is not None and newest < command.version:
            found.append(f"{kind} has schema {command.version}, frozen is only {newest}: make freeze")
        if (
            release
            and not isinstance(command.schema, DueData)
            and not any(one.kind == kind and one.build == release for one in frozen)
        ):
            found.append(f"{kind} is not frozen for {release}: add it to the day in tests/support/envelopes.py")
    return found


def main() -> int:
    """Freezes a build: 0 when everything it holds is accepted and every command is in it."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.envelopes")
    parser.add_argument("build")
    parser.add_argument("--again", action="store_true", help="write over a build that is not released yet")
    asked = parser.parse_args()
    folder = FOLDER / asked.build
    if folder.exists() and not asked.again:
        sys.stderr.write(f"{asked.build} is frozen already; what phones may hold is never changed\n")
        return 1
    moment = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory() as data:
        bench = Bench(build_app(Path(data)))
        bench.reset()
        frozen = freeze(bench, asked.build, moment)
        refused = [
            f"{one.name}: {result.outcome} {result.problems}"
            for one, result in replay(bench, frozen, moment)
            if result.outcome != "accepted"
        ]
        wrong = refused + gaps(bench.app.extensions["commands"], frozen, asked.build)
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    if wrong:
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / "build.json").write_text(json.dumps({"build": asked.build, "at": clock.iso(moment)}) + "\n")
    for one in frozen:
        (folder / f"{one.name}.json").write_text(one.body)
    return 0


if __name__ == "__main__":
    sys.exit(main())


def sent_by_people(bench: Bench) -> set[str]:
    """The kinds of all commands that people send; due work is sent by the clock."""
    commands: dict[str, Command] = bench.app.extensions["commands"]
    return {kind for kind, command in commands.items() if not isinstance(command.schema, DueData)}
