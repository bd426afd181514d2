"""Figure 14: a day's offline work is sent over a bad line: duration, and share of superfluous bytes.

Failure modes 22, 62. The line is slow both ways, and every fiftieth exchange is cut at a random byte. Bytes are counted
on the line both ways and compared with the size of photos and frozen records.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from benchmarks.world import World, world
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from tests.faults.figures import Figure, Size
from tests.faults.support.phoenix import rising
from tests.faults.support.phone import Handset, PhoneState, phones, record
from tests.faults.support.proxy import Exchange, Line, through
from tests.faults.support.seeds import seeded
from tests.faults.support.stories import report_data


@dataclass(frozen=True)
class Day:
    """Amount to send and the line; `most` is the allowed share of superfluous bytes."""

    reports: int
    photos: int
    bits: float
    round_trip: float
    most: float
    speed: float
    seconds: float


#: A photo as the phone scales it has some 200 kB.
SIZES = (150_000, 250_000)
DAYS: dict[Size, Day] = {
    "short": Day(3, 4, bits=8e6, round_trip=0.02, most=0.2, speed=20, seconds=120),
    "long": Day(30, 4, bits=400e3, round_trip=0.4, most=0.05, speed=1, seconds=2400),
}
EVERY = 50


class EveryFiftieth:
    """Cut two exchanges in a hundred, requests and responses in turn."""

    def __init__(self, first: int) -> None:
        self.count = first

    def __call__(self, exchange: Exchange, chance: random.Random) -> tuple[str, int | None]:
        self.count += 1
        if self.count % EVERY:
            return "pass", None
        return chance.choice(("cut-up", "cut-down")), None


def run(size: Size) -> Iterator[Figure]:
    """Yield the figure on SQLite: the line is measured, not the database."""
    seed, _ = seeded("drain")
    day = DAYS[size]
    with world() as made:
        cut = EveryFiftieth(EVERY - 20)
        line = Line(day.bits, day.round_trip)
        with rising(made.folder) as server, through(server.port, cut, seed, line) as proxy:
            handset = Handset(made.bench.cast.tech, [(_reports(made, day.reports), day.photos)])
            state = phones(
                made, proxy.port, [handset], speed=day.speed, seconds=day.seconds, sizes=SIZES, role="photo"
            )[0]
            moved, cuts = proxy.bytes["up"] + proxy.bytes["down"], proxy.cuts
        payload = _payload_bytes(made, state)
    share = moved / payload - 1 if payload else 1.0
    accepted = sum(record["state"] == "accepted" for record in state.records)
    stored = sum(photo["state"] == "stored" for photo in state.photos)
    measured = f"{accepted} reports and {stored} photos ({payload / 1e6:.1f} MB) in {state.ms / 60_000:.1f} minutes, "
    measured += f"{cuts} cuts, {share:.1%} bytes too many"
    everything = accepted == day.reports and stored == day.reports * day.photos
    line_words = f"{day.bits / 1000:.0f} kbit/s, {day.round_trip * 1000:.0f} ms round trip, 2 % cuts"
    yield Figure(
        key="14",
        what=f"{day.reports} reports with {day.reports * day.photos} photos over {line_words}",
        measured="; ".join([measured, *([state.error] if state.error else [])]),
        target=f"everything arrives, bytes too many < {day.most:.0%}",
        met=state.done and everything and share < day.most and cuts > 0,
        seed=seed,
    )


def _reports(made: World, count: int) -> list[dict[str, object]]:
    data = [report_data(made.bench.make_job(technician=made.bench.cast.tech)[1]) for _ in range(count)]
    return [record("service_report.submit", ("service_report", item["id"]), item) for item in data]


def _payload_bytes(made: World, state: PhoneState) -> int:
    """Return the bytes of the photos and frozen records."""
    with made.bench.app.app_context():
        bodies = db.session.scalar(select(func.sum(func.length(Receipt.body)))) or 0
        db.session.remove()
    return int(bodies) + sum(photo["size"] for photo in state.photos)
