"""Records through `/sync/push` (checked, effect, audit, receipt) against a bare ledger on the same database.

The ledger is what the product would come down to if it checked nothing, kept no trail and had no network: a receipt
with what a receipt must tell, and the effect with its index, one transaction a batch, as durable as the product.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import machine
from benchmarks.harness import Contender, Meter, Row, at_least, interleave, known, middle, ratio
from benchmarks.served import Served, serving
from benchmarks.world import World, postgres_world, settle, world
from fieldapp.kernel import clock, ids

KIND = "expense_item.capture"
BUDGETS = {50: 0.10, 1: 0.2}
#: Records in a burst, by batch: long enough to measure, short enough to stay side by side.
BURST = {50: 300, 1: 40}
#: Records that are there before: with none, PostgreSQL's plans are those of an empty table until its statistics come.
BEFORE = 1_200
#: Rounds, by batch: single records are over so soon that whatever else the machine does weighs more.
ROUNDS = {50: 9, 1: 41}
Insert = Callable[[list[str]], None]
_numbers = count(1)


def run(full: bool = False) -> list[Row]:
    """On SQLite and on PostgreSQL, in batches of 50 and one at a time."""
    rows: list[Row] = []
    with ExitStack() as stack:
        made = stack.enter_context(world())
        inserts = stack.enter_context(_sqlite(made.folder / "fieldapp.sqlite3"))
        server = stack.enter_context(serving("wsgi:app", made.folder))
        _used_before(made, server)
        rows += _measured("SQLite", made, server, inserts, machine.Processes([]))
    with ExitStack() as stack:
        made = stack.enter_context(postgres_world())
        inserts, postmaster = stack.enter_context(_postgres(made.url))
        server = stack.enter_context(serving("wsgi:app", made.folder, made.url))
        # The server's own connection must be there before its processes are counted.
        _used_before(made, server)
        rows += _measured("PostgreSQL", made, server, inserts, machine.Processes(machine.family(postmaster)))
    return rows


def _used_before(made: World, server: Served) -> None:
    for _ in range(BEFORE // BURST[50]):
        _push(server)(_requests(made, server, 50))
    with made.bench.app.app_context():
        settle()


def _measured(
    name: str, made: World, server: Served, inserts: tuple[Insert, Insert], database: machine.Processes
) -> list[Row]:
    rows: list[Row] = []
    for batch, budget in BUDGETS.items():
        prepare = partial(_batches, made, batch)
        own, theirs = partial(_cpu, time.process_time, database), partial(_cpu, server.meter, database)
        contenders = {
            "receipts": Contender(_bare(inserts[0]), own, prepare),
            "ledger": Contender(_bare(inserts[1]), own, prepare),
            "push": Contender(_push(server), theirs, partial(_requests, made, server, batch)),
        }
        taken = interleave(ROUNDS[batch], contenders)
        what = f"push of expenses, {name}, {f'batches of {batch}' if batch > 1 else 'one at a time'}"
        rate, floor = 1e6 / middle(taken["push"], "wall"), 1e6 / middle(taken["ledger"], "wall")
        note = f"{rate:,.0f} against {floor:,.0f} records a second"
        rows.append(at_least(what, ratio(taken, "ledger", "push", "wall"), budget, "", note))
        note = f"{middle(taken['push']):,.0f} against {middle(taken['ledger']):,.0f} µs a record"
        rows.append(known(f"{what}, by CPU", ratio(taken, "ledger", "push"), "", note))
        note = f"by CPU {ratio(taken, 'receipts', 'push'):.2g}"
        rows.append(known(f"{what}, against receipts alone", ratio(taken, "receipts", "push", "wall"), "", note))
    return rows


def _cpu(meter: Meter, database: machine.Processes) -> float:
    return meter() + database.cpu()


def envelope(made: World) -> str:
    """An expense as a phone freezes it."""
    new = str(ids.uuid7())
    data = {
        "id": new,
        "kind": "local_transport",
        "amount": f"{next(_numbers) % 900 + 1}.00",
        "spent_on": clock.today().isoformat(),
        "note": "Bus to the warehouse and back",
    }
    return made.bench.envelope(made.bench.cast.tech, KIND, ("expense_item", new), data)


def batch_of(made: World, size: int) -> list[str]:
    """So many new expenses."""
    return [envelope(made) for _ in range(size)]


def _batches(made: World, size: int) -> list[list[str]]:
    return [batch_of(made, size) for _ in range(BURST[size] // size)]


def _bare(insert: Insert) -> Callable[[list[list[str]]], int]:
    def work(batches: list[list[str]]) -> int:
        for batch in batches:
            insert(batch)
        return sum(map(len, batches))

    return work


def _requests(made: World, server: Served, size: int) -> list[tuple[int, bytes]]:
    """How many records a request holds, and its bytes: putting it together is the phone's work."""
    headers = made.headers(made.bench.cast.tech, **{"Content-Type": "application/json"})
    bodies = [(len(batch), json.dumps({"ops": batch}).encode()) for batch in _batches(made, size)]
    return [(count, server.post("/sync/push", headers, body)) for count, body in bodies]


def _push(server: Served) -> Callable[[list[tuple[int, bytes]]], int]:
    def work(requests: list[tuple[int, bytes]]) -> int:
        for size, request in requests:
            answer = server.send(request)
            if answer.count(b'"outcome":"accepted"') != size:
                raise RuntimeError(f"a record was not accepted: {answer[:500]!r}")
        return sum(size for size, _ in requests)

    return work


Said = list[tuple[str, dict[str, Any]]]


def _receipts(said: Said) -> list[tuple[Any, ...]]:
    now = clock.iso(clock.now())
    return [
        (
            one["op"],
            hashlib.sha256(body.encode()).hexdigest(),
            one["user"],
            one["dev"],
            one["ep"],
            one["seq"],
            one["kind"],
            *one["agg"],
            "accepted",
            body,
            one["at"]["utc"],
            now,
        )
        for body, one in said
    ]


def _effects(said: Said) -> list[tuple[Any, ...]]:
    return [
        (data["id"], one["user"], data["kind"], data["amount"], data["spent_on"], data["note"])
        for one, data in ((one, one["data"]) for _, one in said)
    ]


TABLES = (
    """CREATE TABLE bare_receipt (op TEXT PRIMARY KEY, sha256 TEXT NOT NULL, owner INTEGER NOT NULL, dev TEXT NOT NULL,
    ep TEXT NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL, agg_type TEXT NOT NULL, agg_id TEXT NOT NULL,
    outcome TEXT NOT NULL, body TEXT NOT NULL, device_at TEXT NOT NULL, received_at TEXT NOT NULL)""",
    """CREATE TABLE bare_effect (id TEXT PRIMARY KEY, owner INTEGER NOT NULL, kind TEXT NOT NULL, amount TEXT NOT NULL,
    day TEXT NOT NULL, note TEXT NOT NULL)""",
    "CREATE INDEX bare_effect_owner ON bare_effect (owner, day, id)",
)
RECEIPT = "INSERT INTO bare_receipt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
EFFECT = "INSERT INTO bare_effect VALUES (?, ?, ?, ?, ?, ?)"


@contextmanager
def _sqlite(path: Path) -> Iterator[tuple[Insert, Insert]]:
    """One transaction a batch, ids first: receipts alone, and with an effect each."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    for table in TABLES:
        connection.execute(table)

    def insert(bodies: list[str], effects: bool = False) -> None:
        said = [(body, json.loads(body)) for body in bodies]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(RECEIPT, _receipts(said))
        if effects:
            connection.executemany(EFFECT, _effects(said))
        connection.execute("COMMIT")

    yield insert, partial(insert, effects=True)
    connection.close()


@contextmanager
def _postgres(url: str) -> Iterator[tuple[tuple[Insert, Insert], int]]:
    """The same in the database the product uses, and the process its server runs in."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table in TABLES:
            connection.execute(table)
        backend = connection.execute("SELECT pg_backend_pid()").fetchone()

        def insert(bodies: list[str], effects: bool = False) -> None:
            said = [(body, json.loads(body)) for body in bodies]
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(RECEIPT.replace("?", "%s"), _receipts(said))
                if effects:
                    cursor.executemany(EFFECT.replace("?", "%s"), _effects(said))

        yield (insert, partial(insert, effects=True)), machine.parent_of(backend[0] if backend else 0)
