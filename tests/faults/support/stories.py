"""Real records as phones freeze them, in the order of writing, and the effects they must have."""

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
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus.envelope import fingerprint
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.approvals.models import Case
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from tests.support.bench import Person

TAPS = ("set_out", "arrive", "start")


def report_data(visit: str) -> dict[str, Any]:
    """Return a short, signed report of a visit."""
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
    """One record: id, hash, bytes."""

    op: str
    kind: str
    sha256: str
    body: str


class Author:
    """One person with one phone: numbers without gaps, own ids."""

    def __init__(self, world: World, person: Person, chance: random.Random) -> None:
        self.world, self.person, self.chance = world, person, chance
        self.dev, self.seq = str(uuid4()), 0
        self.last: dict[str, str] = {}

    def freeze(self, kind: str, agg: tuple[str, str], data: dict[str, Any], depends: list[str] | None = None) -> Frozen:
        """Freeze a record that also depends on the last record of the same aggregate, as on the phone."""
        self.seq += 1
        aggregate_key = "/".join(agg)
        waits = [*(depends or []), *([self.last[aggregate_key]] if aggregate_key in self.last else [])]
        body = self.world.bench.envelope(
            self.person, kind, agg, data, dev=self.dev, seq=self.seq, depends=list(dict.fromkeys(waits))
        )
        op = json.loads(body)["op"]
        self.last[aggregate_key] = op
        return Frozen(op, kind, fingerprint(body), body)

    def expense(self) -> Frozen:
        """Return an expense for a bus."""
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
        """Return some expenses and the claim that names them."""
        items = [self.expense() for _ in range(self.chance.randint(1, 3))]
        new = str(ids.uuid7())
        data = {"id": new, "items": [json.loads(item.body)["agg"][1] for item in items]}
        return [
            *items,
            self.freeze("expense_claim.submit", ("expense_claim", new), data, [item.op for item in items]),
        ]

    def parts(self, job: str | None = None, depends: list[str] | None = None) -> Frozen:
        """Return a parts request with two lines."""
        new = str(ids.uuid7())
        lines = [{"name": name, "qty": "2", "unit_price": "85.00"} for name in ("Probe", "Cable")]
        data = {"id": new, "urgency": "normal", "wanted_on": clock.today().isoformat(), "lines": lines}
        data |= {"job_id": job} if job else {"reason": "For stock."}
        return self.freeze("parts_request.submit", ("parts_request", new), data, depends)

    def visit(self) -> list[Frozen]:
        """Return the taps of a visit, a parts request on site, and the report at the end."""
        job, visit = self.world.bench.make_job(technician=self.person)
        taps = [self.freeze(f"visit.{tap}", ("visit", visit), {}) for tap in TAPS]
        parts = self.parts(job, [taps[1].op])
        return [*taps, parts, self.report(visit, [taps[-1].op, parts.op])]

    def report(self, visit: str, depends: list[str] | None = None) -> Frozen:
        """Return a short, signed report."""
        data = report_data(visit)
        return self.freeze("service_report.submit", ("service_report", data["id"]), data, depends)

    def stories(self, count: int) -> list[Frozen]:
        """Return at least `count` records."""
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
class Comparison:
    """Database contents compared with the records that were sent."""

    lost: list[str]
    doubled: list[str]
    unsound: list[str]

    @property
    def clean(self) -> bool:
        """Return whether each record exists exactly once and `check` finds nothing."""
        return not (self.lost or self.doubled or self.unsound)


def held_against(world: World, sent: list[Frozen]) -> Comparison:
    """Compare receipts, audit log and rows: every record has exactly one effect."""
    with world.bench.app.app_context():
        receipts = {row.op: (row.outcome, row.sha256) for row in db.session.execute(_receipts)}
        audit_counts = Counter({op: count for op, count in db.session.execute(_audit_query)})
        rows = _rows()
        unsound = list(faults())
        db.session.remove()
    lost, doubled = [], []
    for frozen in sent:
        counts = [(audit_counts[frozen.op], 1), *((rows[key], want) for key, want in _expected(frozen))]
        if receipts.get(frozen.op) != ("accepted", frozen.sha256) or any(got < want for got, want in counts):
            lost.append(f"{frozen.kind} {frozen.op}")
        if any(got > want for got, want in counts):
            doubled.append(f"{frozen.kind} {frozen.op}")
    strangers = audit_counts.keys() - {frozen.op for frozen in sent}
    return Comparison(lost, [*doubled, *strangers], unsound)


_receipts = select(Receipt.op, Receipt.outcome, Receipt.sha256)
_audit_query = select(AuditEntry.op, func.count()).where(AuditEntry.op.is_not(None)).group_by(AuditEntry.op)


def _expected(frozen: Frozen) -> list[tuple[str, int]]:
    """Return keys into `_rows` and the expected number of rows."""
    record = json.loads(frozen.body)["agg"][1]
    if frozen.kind.startswith("visit."):
        return [(f"visit/{record}/{frozen.kind.removeprefix('visit.')}", 1)]
    return [(f"{frozen.kind}/{at}/{record}", want) for at, (_, want) in enumerate(EFFECTS[frozen.kind])]


def _rows() -> Counter[str]:
    counts: Counter[str] = Counter()
    for kind, effects in EFFECTS.items():
        for at, (statement, _) in enumerate(effects):
            for record, count in db.session.execute(statement):
                counts[f"{kind}/{at}/{record}"] = count
    taps = select(VisitEvent.visit_id, VisitEvent.kind, func.count()).group_by(VisitEvent.visit_id, VisitEvent.kind)
    for visit, kind, count in db.session.execute(taps):
        counts[f"visit/{visit}/{kind}"] = count
    return counts
