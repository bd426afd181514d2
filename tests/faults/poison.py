"""Figure 16: one record on which the server fails, among a hundred (failure mode 49).

The table of parts requests is dropped, so that their command fails like a programming error. The expenses around it
must all arrive, at most one send cycle later than without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import text

from benchmarks.world import World
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from tests.faults.figures import Figure, Size
from tests.faults.support.phoenix import rising
from tests.faults.support.phone import Handset, Record, expense, phones, record
from tests.faults.support.worlds import DATABASES, on

AROUND = 99


def run(size: Size) -> Iterator[Figure]:
    """Yield one figure per database; both sizes are the same."""
    for key in DATABASES:
        yield measured(key)


def measured(key: str) -> Figure:
    """Send a hundred records to the broken server, and the last one after its repair."""
    with on(key) as made:
        _sql(made, "ALTER TABLE parts_line RENAME TO parts_line_away")
        records = [expense() for _ in range(AROUND)]
        records.insert(AROUND // 2, _poison())
        with rising(made.folder, made.url) as server:
            handset = Handset(made.bench.cast.tech, [(records, 0)])
            phone_state = phones(made, server.port, [handset], leave=1)[0]
        _sql(made, "ALTER TABLE parts_line_away RENAME TO parts_line")
    accepted = [entry for entry in phone_state.records if entry["state"] == "accepted"]
    extra = max((entry["attempts"] for entry in accepted), default=99) - 1
    poisoned = [entry["state"] for entry in phone_state.records if entry["kind"] == "parts_request.submit"]
    measured = f"{len(accepted)} accepted, {extra} extra cycles; the poisoned one is {json.dumps(poisoned)}"
    return Figure(
        key=f"16 {key}",
        what=f"a poisoned record among {AROUND + 1}, {DATABASES[key]}",
        measured="; ".join([measured, *([phone_state.error] if phone_state.error else [])]),
        target=f"{AROUND} accepted, ≤ 1 extra cycle, the poisoned one is kept",
        met=len(accepted) == AROUND and extra <= 1 and poisoned in (["saved"], ["parked"], ["sending"]),
    )


def _poison() -> Record:
    new = str(ids.uuid7())
    lines = [{"name": "Probe", "qty": "2", "unit_price": "85.00"}]
    data = {"id": new, "urgency": "normal", "wanted_on": clock.today().isoformat(), "reason": "Stock.", "lines": lines}
    return record("parts_request.submit", ("parts_request", new), data)


def _sql(made: World, statement: str) -> None:
    with made.bench.app.app_context(), writing() as session:
        session.execute(text(statement))
