"""The month's list as XLSX against the same rows as CSV: CPU and peak memory, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import insert

from benchmarks import machine
from benchmarks.harness import Row, at_most, known
from benchmarks.served import ROOT
from benchmarks.world import CHUNK, world
from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from tests.support.bench import ROLES, Bench, Person, build_app

ITEMS, ALL_ITEMS = 10_000, 100_000
A_CLAIM = 20
ROUNDS = 3
KINDS = ("local_transport", "taxi", "parking", "lodging", "postage", "other")

#: The cast has the same ids in every world.
FINANCE = next(number for number, (key, _, _) in enumerate(ROLES, start=1) if key == "finance")


@dataclass(frozen=True)
class Taken:
    """One download in a fresh process; memory in MB."""

    cpu: float
    bytes: int
    before: float
    peak: float


def run(full: bool = False) -> list[Row]:
    """XLSX and CSV in turn, each as finance downloads it."""
    items = ALL_ITEMS if full else ITEMS
    with world() as made:
        _fill(made.bench, items)
        pairs = [(_apart("xlsx", made.folder), _apart("csv", made.folder)) for _ in range(ROUNDS)]
    xlsx, csv = zip(*pairs, strict=True)
    note = f"{median(one.cpu for one in xlsx):.2f} against {median(one.cpu for one in csv):.2f} s"
    grown = max(one.peak - one.before for one in xlsx)
    whole = max(one.peak for one in xlsx)
    return [
        at_most(f"XLSX of {items:,} items, CPU against CSV", median(a.cpu / b.cpu for a, b in pairs), 15, " ×", note),
        at_most(f"XLSX of {items:,} items, memory on top of the worker's", grown, 100, " MB", f"{whole:.0f} MB in all"),
        known("the same as CSV", max(one.peak - one.before for one in csv), " MB"),
        known("size of the file", xlsx[0].bytes / 1024**2, " MB", f"CSV {csv[0].bytes / 1024**2:.2f} MB"),
    ]


def _fill(bench: Bench, items: int) -> None:
    """Approved claims of this month, twenty expenses each."""
    owners = [bench.cast.tech.id, bench.cast.tech2.id, bench.cast.other_tech.id]
    now, month = clock.now(), f"{clock.today():%Y-%m}"
    with bench.app.app_context():
        for first in range(0, items, CHUNK):
            claims: list[dict[str, Any]] = []
            rows: list[dict[str, Any]] = []
            for number in range(first, min(first + CHUNK, items)):
                owner = owners[number // A_CLAIM % len(owners)]
                if number % A_CLAIM == 0:
                    claims.append(_claim(number // A_CLAIM, owner, month, now))
                rows.append(_item(number, owner, claims[-1]["id"], now))
            with writing() as session:
                session.execute(insert(ExpenseClaim), claims)
                session.execute(insert(ExpenseItem), rows)
        db.session.remove()


def _claim(number: int, owner: int, month: str, now: Any) -> dict[str, Any]:
    return {
        "id": str(ids.uuid7()),
        "number": f"C-{number:08d}",
        "owner_id": owner,
        "group_id": 1,
        "state": "approved",
        "total": Decimal(920),
        "month": month,
        "submitted_at": now - timedelta(hours=2),
        "approved_at": now - timedelta(hours=1),
    }


def _item(number: int, owner: int, claim: str, now: Any) -> dict[str, Any]:
    return {
        "id": str(ids.uuid7()),
        "owner_id": owner,
        "group_id": 1,
        "kind": KINDS[number % len(KINDS)],
        "amount": Decimal(number % 900 + 1),
        "spent_on": clock.today(),
        "note": f"Expense number {number}",
        "fapiao_number": f"2544{number:016d}",
        "receipts": 1,
        "state": "approved",
        "claim_id": claim,
        "allowed_amount": Decimal(number % 900 + 1 if number % 50 else 1),
        "cut_reason": None if number % 50 else "Over the limit",
        "captured_at": now,
        "received_at": now,
    }


def _apart(form: str, folder: Path) -> Taken:
    words = [sys.executable, "-m", "benchmarks.export", form, str(folder)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return Taken(**json.loads(done.stdout.splitlines()[-1]))


def _download(form: str, folder: Path) -> Taken:
    """As a worker does it: the bytes leave as they are made."""
    bench = Bench(build_app(folder))
    client = bench.client_of(Person(FINANCE, "finance", "", "k"))
    client.get("/reimbursements")
    before, start = machine.fresh_peak(), time.process_time()
    answer = client.get(f"/reimbursements/list.{form}")
    if answer.status_code != 200:
        raise RuntimeError(f"the download answers {answer.status_code}")
    size = sum(len(piece) for piece in answer.iter_encoded())
    answer.close()
    cpu = time.process_time() - start
    return Taken(cpu, size, before, machine.peak())


if __name__ == "__main__":
    print(json.dumps(_download(sys.argv[1], Path(sys.argv[2])).__dict__))
