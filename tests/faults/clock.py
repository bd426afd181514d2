"""Figure 11: phones with clocks wrong by years, in six zones, at changes of summer time (modes 54, 55).

A phone that has reached the server knows its clock offset: its times are corrected to the second. A phone that never
did cannot know: the server dates what lies in the future and marks it. Nothing is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, product

from sqlalchemy import select

from benchmarks.world import World
from fieldapp.field.jobs.models import VisitEvent
from fieldapp.kernel import clock
from fieldapp.platform.extensions import db
from tests.faults.figures import Figure, Size
from tests.faults.support.phoenix import rising
from tests.faults.support.phone import Handset, PhoneState, phones, record
from tests.faults.support.stories import TAPS
from tests.faults.support.worlds import DATABASES, allow_many_phones, on

ZONES = ("Asia/Shanghai", "Asia/Urumqi", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Pacific/Chatham")
YEARS = timedelta(days=3 * 365)
WRONG = (-YEARS, -timedelta(days=1), timedelta(hours=1), YEARS)
#: The nights in which the clocks of Europe jump, a minute before they do.
NIGHTS = (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 10, 25, 0, 59, tzinfo=UTC))
#: What a corrected time may be off by: the machine may be slow.
NEAR = timedelta(seconds=60)


@dataclass
class Tapped:
    """A phone, the visit it tapped on, and the result."""

    handset: Handset
    visit: str


def run(size: Size) -> Iterator[Figure]:
    """Yield one figure per database; the short form uses each wrong clock in one zone instead of all."""
    for key in DATABASES:
        yield measured(key, size)


def measured(key: str, size: Size) -> Figure:
    """Let each phone tap through a visit offline and send it afterwards."""
    began = clock.now()
    jumps = [*WRONG, *(night - began for night in NIGHTS)]
    pairs = list(product(jumps, ZONES)) if size == "long" else list(zip(jumps, cycle(ZONES), strict=False))
    with on(key) as made:
        allow_many_phones(made)
        all_ = [_phone(made, skew, zone, greeted) for skew, zone in pairs for greeted in (True, False)]
        with rising(made.folder, made.url) as server:
            phone_states = phones(made, server.port, [phone.handset for phone in all_], speed=1, seconds=300)
        faults_found = [_wrong(made, phone, began) for phone in all_]
    unsent = sum(record["state"] == "saved" for report in phone_states for record in report.records)
    refused = sum(record["state"] not in {"accepted", "saved"} for report in phone_states for record in report.records)
    misordered = sum("order" in words for words in faults_found)
    untrue = sum("time" in words for words in faults_found)
    marked = sum("marked" in words for words in faults_found)
    measured = (
        f"{len(all_)} phones: {misordered} misordered, {refused} refused, {untrue} times neither right nor marked, "
    )
    measured += f"{marked} visits marked as doubted"
    errors = [
        *{report.error for report in phone_states if report.error},
        *([f"{unsent} records not sent"] if unsent else []),
    ]
    return Figure(
        key=f"11 {key}",
        what=f"clocks wrong by up to three years, six zones, both changes of summer time, {DATABASES[key]}",
        measured="; ".join([measured, *errors]),
        target="0 misordered, 0 refused, every time corrected or marked",
        met=_all_arrived(phone_states) and refused == misordered == untrue == 0,
    )


def _all_arrived(reports: list[PhoneState]) -> bool:
    return all(report.done and len(report.records) == len(TAPS) for report in reports)


def _phone(made: World, skew: timedelta, zone: str, greeted: bool) -> Tapped:
    person = made.bench.cast.tech
    _, visit = made.bench.make_job(technician=person)
    taps = [record(f"visit.{tap}", ("visit", visit), {}) for tap in TAPS]
    milliseconds = int(skew.total_seconds() * 1000)
    return Tapped(Handset(person, [(taps, 0)], milliseconds, zone, greeted), visit)


def _wrong(made: World, one: Tapped, began: datetime) -> set[str]:
    """Return which of `order`, `time` and `marked` apply to the events of a visit."""
    with made.bench.app.app_context():
        query = select(VisitEvent).where(VisitEvent.visit_id == one.visit).order_by(VisitEvent.id)
        events = {event.kind: event for event in db.session.scalars(query)}
        db.session.remove()
    if set(events) != set(TAPS):
        return {"order", "time"}
    times = [events[tap].happened_at for tap in TAPS]
    words = set() if times == sorted(times) else {"order"}
    if any(event.clock_doubted for event in events.values()):
        words.add("marked")
    # Also what was written before the phone heard from the server: hello measures the clock before anything is sent.
    right = all(began - NEAR <= time <= clock.now() + NEAR for time in times)
    return words if right or "marked" in words else words | {"time"}
