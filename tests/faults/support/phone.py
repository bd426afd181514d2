"""The real engine in Node on a controlled network (tests/client/real-phone.ts)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import Image

from benchmarks.world import World
from fieldapp.kernel import clock, ids
from tests.faults.support import node
from tests.support.bench import Person

Record = dict[str, Any]


def expense(**data: Any) -> Record:
    """Return an expense as the form submits it."""
    new = str(ids.uuid7())
    today = clock.today().isoformat()
    filled = {"id": new, "kind": "local_transport", "amount": "46.00", "spent_on": today, "note": "bus", **data}
    return record("expense_item.capture", ("expense_item", new), filled)


def record(kind: str, agg: tuple[str, str], data: dict[str, Any]) -> Record:
    """Return any record as a page submits it."""
    return {
        "kind": kind,
        "schema": 1,
        "agg": list(agg),
        "base": None,
        "data": data,
        "title": kind,
        "url": "/expenses/new",
        "draftKey": None,
        "fields": {},
    }


@dataclass
class Handset:
    """One person's phone: rounds of records written offline, each with a number of photos per record."""

    person: Person
    rounds: list[tuple[list[Record], int]]
    skew: int = 0
    timezone: str = "Asia/Shanghai"
    greeted: bool = False


@dataclass
class PhoneState:
    """Final contents of a phone. `done` is false if something had not arrived in time."""

    done: bool = False
    ms: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    photos: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


def phones(
    world: World,
    port: int,
    handsets: list[Handset],
    *,
    speed: float = 40,
    seconds: float = 120,
    leave: int = 0,
    sizes: tuple[int, int] = (30_000, 900_000),
    role: str = "receipt",
) -> list[PhoneState]:
    """Let the phones write their records and wait until all but `leave` of each have arrived."""
    out = BytesIO()
    Image.new("RGB", (64, 48), "#2a6").save(out, "JPEG")
    job = {
        "base": f"http://127.0.0.1:{port}",
        "phones": [
            {
                "cookie": world.cookie(handset.person),
                "user": handset.person.id,
                "skew": handset.skew,
                "timezone": handset.timezone,
                "greeted": handset.greeted,
                "rounds": [{"records": records, "photos": photos} for records, photos in handset.rounds],
            }
            for handset in handsets
        ],
        "speed": speed,
        "seconds": seconds,
        "leave": leave,
        "jpeg": base64.b64encode(out.getvalue()).decode(),
        "sizes": list(sizes),
        "role": role,
    }
    status, output = node.finished(node.start("real-phone.ts", json.dumps(job)), seconds + 60)
    if status:
        return [PhoneState(error=output[-400:]) for _ in handsets]
    return [PhoneState(**report) for report in json.loads(output.splitlines()[-1])]
