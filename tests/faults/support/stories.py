"""Real records as phones freeze them, in the order their authors wrote them, and the effects they must have."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from benchmarks.world import World
from fieldapp.field.jobs.models import VisitEvent
from fieldapp.field.reports.models import ReportVersion, ServiceReport
from fieldapp.integrity import faults
from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.platform.commandbus.envelope import fingerprint
from fieldapp.platform.commandbus.models import AuditEntry, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.approvals.models import Case
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from tests.support.bench import Person

TAPS = ("set_out", "arrive", "start")


def report_data(visit: str) -> dict[str, Any]:
    """A short, signed report of a visit."""
    return {
        "id": str(ids.uuid7()),
        "visit_id": visit,
        "result": "solved",
        "fault": "Antenna feed aged, no signal",
        "work": "Feed replaced, tested for ten minutes",
        "customer_name": "Liu",
        "signature": [[60, 120, 90, 60, 130, 140], [200, 100, 240, 90, 300, 130]],
        "satisfaction": 5,
    }


@dataclass(frozen=True)
class Frozen:
    """One record: its id, its hash, its bytes."""

    op: str
    kind: str
    sha256: str
    body: str


class Author:
    """One person with one phone: numbers without gaps, ids of its own."""

    def __init__(self, world: World, person: Person, chance: random.Random) -> None:
        self.world, self.person, self.chance = world, person, chance
        self.dev, self.seq = str(uuid4()), 0
        self.last: dict[str, str] = {}

    def freeze(self, kind: str, agg: tuple[str, str], data: dict[str, Any], depends: list[str] | None = None) -> Frozen:
        """Depends, as on the phone, also on the last record of the same aggregate."""
        self.seq += 1
        key = "/".join(agg)
        waits = [*(depends or []), *([self.last[key]] if key in self.last else [])]
        body = self.world.bench.envelope(
            self.person, kind, agg, data, dev=self.dev, seq=self.seq, depends=list(dict.fromkeys(waits))
        )
        op = json.loads(body)["op"]
        self.last[key] = op
        return Frozen(op, kind, fingerprint(body), body)

    def expense(self) -> Frozen:
        """A bus ride."""
        new = str(ids.uuid7())
        data = {
            "id": new,
            "kind": "local_transport",
            "amount": f"{self.chance.randint(1, 90)}.{self.chance.randint(0, 99):02d}",
            "spent_on": clock.today().isoformat(),
            "note": "Bus to the warehouse and back" * self.chance.randint(1, 4),
        }
        return self.freeze("expense_item.capture", ("expense_item", new), data)

    def claim(self) -> list[Frozen]:
        """Some expenses and the claim that names them."""
        items = [self.expense() for _ in range(self.chance.randint(1, 3))]
        new = str(ids.uuid7())
        data = {"id": new, "items": [json.loads(item.body)["agg"][1] for item in items]}
        return [*items, self.freeze("expense_claim.submit", ("expense_claim", new), data, [item.op for item in items])]

    def parts(self, job: str | None = None, depends: list[str] | None = None) -> Frozen:
        """Two lines of parts."""
        new = str(ids.uuid7())
        lines = [{"name": name, "qty": "2", "unit_price": "85.00"} for name in ("Probe", "Cable")]
        data = {"id": new, "urgency": "normal", "wanted_on": clock.today().isoformat(), "lines": lines}
        data |= {"job_id": job} if job else {"reason": "For stock."}
        return self.freeze("parts_request.submit", ("parts_request", new), data, depends)

    def visit(self) -> list[Frozen]:
        """Taps on a visit, a request for parts once there, and the report when all of it is done."""
        job, visit = self.world.bench.make_job(technician=self.person)
        taps = [self.freeze(f"visit.{tap}", ("visit", visit), {}) for tap in TAPS]
        parts = self.parts(job, [taps[1].op])
        return [*taps, parts, self.report(visit, [taps[-1].op, parts.op])]

    def report(self, visit: str, depends: list[str] | None = None) -> Frozen:
        """A short, signed report."""
        data = report_data(visit)
        return self.freeze("service_report.submit", ("service_report", data["id"]), data, depends)

    def stories(self, count: int) -> list[Frozen]:
        """At least `count` records."""
        made: list[Frozen] = []
        while len(made) < count:
            made += self.chance.choice((self.visit, self.claim, lambda: [self.parts()]))()
        return made


def _by(column: Any, *where: Any) -> Any:
    return select(column, func.count()).where(*where).group_by(column)


#: What each kind leaves: how many rows for its record.
EFFECTS = {
    "expense_item.capture": [(_by(ExpenseItem.id), 1)],
    "expense_claim.submit": [
        (_by(ExpenseClaim.id), 1),
        (_by(Case.subject_id, Case.subject_type == "expense_claim"), 1),
    ],
    "parts_request.submit": [
        (_by(PartsRequest.id), 1),
        (_by(PartsLine.request_id), 2),
        (_by(Case.subject_id, Case.subject_type == "parts_request"), 1),
    ],
    "service_report.submit": [(_by(ServiceReport.id), 1), (_by(ReportVersion.report_id), 1)],
}


@dataclass
class Found:
    """What the database holds, held against what was sent."""

    lost: list[str]
    doubled: list[str]
    unsound: list[str]

    @property
    def clean(self) -> bool:
        """Each record exactly once, and the books agree."""
        return not (self.lost or self.doubled or self.unsound)


def held_against(world: World, sent: list[Frozen]) -> Found:
    """Every record has exactly one effect: by the ledger, by the trail, and by the rows that the effect is."""
    with world.bench.app.app_context():
        receipts = {row.op: (row.outcome, row.sha256) for row in db.session.execute(_receipts)}
        trail = Counter({op: count for op, count in db.session.execute(_trail)})
        rows = _rows()
        unsound = list(faults())
        db.session.remove()
    lost, doubled = [], []
    for one in sent:
        counts = [(trail[one.op], 1), *((rows[key], want) for key, want in _expected(one))]
        if receipts.get(one.op) != ("accepted", one.sha256) or any(got < want for got, want in counts):
            lost.append(f"{one.kind} {one.op}")
        if any(got > want for got, want in counts):
            doubled.append(f"{one.kind} {one.op}")
    strangers = trail.keys() - {one.op for one in sent}
    return Found(lost, [*doubled, *strangers], unsound)


_receipts = select(Receipt.op, Receipt.outcome, Receipt.sha256)
_trail = select(AuditEntry.op, func.count()).where(AuditEntry.op.is_not(None)).group_by(AuditEntry.op)


def _expected(one: Frozen) -> list[tuple[str, int]]:
    """Keys into `_rows` and how many rows there must be."""
    record = json.loads(one.body)["agg"][1]
    if one.kind.startswith("visit."):
        return [(f"visit/{record}/{one.kind.removeprefix('visit.')}", 1)]
    return [(f"{one.kind}/{at}/{record}", want) for at, (_, want) in enumerate(EFFECTS[one.kind])]


def _rows() -> Counter[str]:
    found: Counter[str] = Counter()
    for kind, effects in EFFECTS.items():
        for at, (statement, _) in enumerate(effects):
            for record, count in db.session.execute(statement):
                found[f"{kind}/{at}/{record}"] = count
    taps = select(VisitEvent.visit_id, VisitEvent.kind, func.count()).group_by(VisitEvent.visit_id, VisitEvent.kind)
    for visit, kind, count in db.session.execute(taps):
        found[f"visit/{visit}/{kind}"] = count
    return found
