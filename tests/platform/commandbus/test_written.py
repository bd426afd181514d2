"""When a record was written, by the corrected clock of its phone, and whether that is in doubt (failure mode 54)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.commandbus.written import Measured, WrittenTime, corrected_time
from fieldapp.platform.extensions import db
from fieldapp.services.approvals import case_for
from fieldapp.services.devices import Device
from tests.money.expenses.conftest import day, item_data
from tests.support.bench import Bench

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
SEEN = NOW - timedelta(days=400)
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("device", "offset", "age", "measured", "expected"),
    [
        # Both say the same.
        (NOW - timedelta(days=1), 0, 5, Measured(0, SEEN), WrittenTime(NOW - timedelta(days=1))),
        (NOW - timedelta(hours=2), HOUR, 5, Measured(HOUR + 800, SEEN), WrittenTime(NOW - timedelta(hours=1))),
        # The phone does not know: the server does.
        (NOW - timedelta(hours=2), None, None, Measured(HOUR, SEEN), WrittenTime(NOW - timedelta(hours=1))),
        # They differ: the server's measurement counts, and it is in doubt.
        (NOW - timedelta(hours=3), 0, 5, Measured(HOUR, SEEN), WrittenTime(NOW - timedelta(hours=2), "contradicts")),
        # Nobody knows, or only the phone does.
        (NOW - timedelta(days=1), None, None, None, WrittenTime(NOW - timedelta(days=1), "unmeasured")),
        (NOW - timedelta(days=1), 0, 5, None, WrittenTime(NOW - timedelta(days=1), "unseen")),
        (NOW - timedelta(days=1), 0, 15 * 86400, Measured(None, SEEN), WrittenTime(NOW - timedelta(days=1), "old")),
        (NOW - timedelta(days=1), 0, 15 * 86400, Measured(0, SEEN), WrittenTime(NOW - timedelta(days=1))),
        # Later than now: ours.
        (NOW + timedelta(days=9), 0, 5, Measured(0, SEEN), WrittenTime(NOW, "ahead")),
        (NOW + timedelta(minutes=4), 0, 5, Measured(0, SEEN), WrittenTime(NOW + timedelta(minutes=4))),
        # Before the server saw the phone for the first time.
        (SEEN - timedelta(days=1), 0, 5, Measured(0, SEEN), WrittenTime(SEEN - timedelta(days=1), "early")),
        (datetime.max.replace(tzinfo=UTC), 2**40, 5, None, WrittenTime(NOW, "ahead")),
    ],
)
def test_corrected_time(
    device: datetime, offset: int | None, age: int | None, measured: Measured | None, expected: WrittenTime
) -> None:
    assert corrected_time(device, offset, age, measured, NOW) == expected


def phone(bench: Bench, offset: timedelta | None, seen: timedelta = timedelta(days=400)) -> str:
    """A phone whose clock the server measured; `offset` is what must be added to its time."""
    dev = str(uuid4())
    with bench.app.app_context(), writing() as session:
        session.add(
            Device(
                dev=dev,
                ep="0a1b2c3d",
                user_id=bench.cast.tech.id,
                build="",
                display_mode="",
                first_seen_at=clock.now() - seen,
                last_seen_at=clock.now(),
                clock_offset_ms=None if offset is None else int(offset.total_seconds() * 1000),
            )
        )
    return dev


def capture(bench: Bench, dev: str, said: datetime, offset: int | None = 0, **data: Any) -> tuple[str, Any]:
    record = str(ids.uuid7())
    at = {"utc": clock.iso(said), "tz": "Asia/Shanghai", "offset_ms": offset, "offset_age_s": 5}
    body = item_data(record, **data)
    return record, bench.send(bench.cast.tech, "expense_item.capture", ("expense_item", record), body, dev=dev, at=at)


@pytest.mark.parametrize("claimed", [None, 0])
def test_a_phone_set_to_2020_passes_no_age_check(bench: Bench, claimed: int | None) -> None:
    said = datetime(2020, 1, 3, 9, tzinfo=UTC)
    dev = phone(bench, clock.now() - said)
    _, refused = capture(bench, dev, said, claimed, spent_on="2019-12-20")
    assert (refused.outcome, list(refused.problems)) == ("rejected", ["spent_on"])
    record, taken = capture(bench, dev, said, claimed, spent_on=day(-1))
    assert taken.outcome == "accepted"
    with bench.app.app_context():
        item = db.session.get_one(ExpenseItem, record)
        receipt = db.session.scalars(select(Receipt).where(Receipt.agg_id == record)).one()
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.agg_id == record)).one()
        db.session.remove()
    assert abs(item.captured_at - clock.now()) < timedelta(minutes=5)
    assert receipt.device_at == item.captured_at
    assert entry.device_at == item.captured_at
    assert receipt.clock_doubt == item.clock_doubt == (None if claimed is None else "contradicts")


@pytest.mark.parametrize(("offset", "seen"), [(timedelta(0), timedelta(days=30)), (None, timedelta(days=30))])
def test_a_time_before_the_phone_was_seen_passes_no_age_check(
    bench: Bench, offset: timedelta | None, seen: timedelta
) -> None:
    dev = phone(bench, offset, seen)
    _, refused = capture(bench, dev, datetime(2020, 1, 3, 9, tzinfo=UTC), spent_on="2019-12-20")
    assert list(refused.problems) == ["spent_on"]


def test_a_phone_that_never_said_hello_passes_no_age_check(bench: Bench) -> None:
    _, refused = capture(bench, str(uuid4()), datetime(2020, 1, 3, 9, tzinfo=UTC), spent_on="2019-12-20")
    assert list(refused.problems) == ["spent_on"]


def test_whoever_decides_reads_when_it_was_written_and_why_that_is_in_doubt(bench: Bench, client_of: Any) -> None:
    said = datetime(2020, 1, 3, 9, tzinfo=UTC)
    dev = phone(bench, timedelta(0), timedelta(days=30))
    item, _ = capture(bench, dev, clock.now() - timedelta(days=40))
    claim = str(ids.uuid7())
    at = {"utc": clock.iso(said), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 5}
    data = {"id": claim, "items": [item]}
    sent = bench.send(bench.cast.tech, "expense_claim.submit", ("expense_claim", claim), data, dev=dev, at=at)
    assert sent.outcome == "accepted"
    with bench.app.app_context():
        case = case_for("expense_claim", claim)
        db.session.remove()
    assert case is not None
    assert (case.written_at, case.clock_doubt) == (said, "early")
    for path in ("/inbox", f"/inbox/expense_claim/{claim}/approve"):
        page = client_of(bench.cast.leader).get(path).text
        assert "Written 2020-01-03 17:00" in page
        assert "before the phone was first seen" in page
        assert "which is in doubt" in page


@pytest.mark.parametrize(("hours", "told"), [(0, False), (30, True)])
def test_whoever_decides_reads_when_a_record_was_written_that_came_late(
    bench: Bench, client_of: Any, hours: int, told: bool
) -> None:
    dev = phone(bench, timedelta(0))
    item, claim = capture(bench, dev, clock.now())[0], str(ids.uuid7())
    at = {"utc": clock.iso(clock.now() - timedelta(hours=hours)), "tz": "UTC", "offset_ms": 0, "offset_age_s": 5}
    data = {"id": claim, "items": [item]}
    bench.send(bench.cast.tech, "expense_claim.submit", ("expense_claim", claim), data, dev=dev, at=at)
    for path in ("/inbox", f"/inbox/expense_claim/{claim}/approve"):
        page = client_of(bench.cast.leader).get(path).text
        assert f'id="case-{claim}"' in page
        assert (re.search(r"Written [^<]+, received [^<]+\.", page) is not None) is told
        assert "clock" not in page


@pytest.mark.parametrize("newest", ["unmeasured", "measured"])
def test_what_is_known_of_a_phone_is_known_from_all_its_stores(bench: Bench, newest: str) -> None:
    """After its store was cleared a phone is seen anew: it was there before, and its clock was measured."""
    dev = phone(bench, timedelta(days=2))
    with bench.app.app_context():
        with writing() as session:
            offset = None if newest == "unmeasured" else int(timedelta(days=2).total_seconds() * 1000)
            second = {"dev": dev, "ep": "1b2c3d4e", "user_id": bench.cast.tech.id, "build": "", "display_mode": ""}
            session.add(Device(**second, first_seen_at=clock.now(), last_seen_at=clock.now(), clock_offset_ms=offset))
        db.session.remove()
    record, _ = capture(bench, dev, clock.now() - timedelta(days=5), None)
    with bench.app.app_context():
        item = db.session.get_one(ExpenseItem, record)
        db.session.remove()
    assert abs(item.captured_at - (clock.now() - timedelta(days=3))) < timedelta(minutes=5)
    assert item.clock_doubt is None


def test_what_somebody_else_says_of_a_clock_moves_no_record(bench: Bench, client_of: Any) -> None:
    dev, now = phone(bench, timedelta(0)), clock.now()
    hello = {"dev": dev, "ep": "0a1b2c3d", "user": bench.cast.other_tech.id, "build": "t", "next_seq": 1}
    forged = client_of(bench.cast.other_tech).post("/sync/hello", json={**hello, "now": clock.iso(now - timedelta(9))})
    assert forged.status_code == 200
    record, _ = capture(bench, dev, now, None)
    with bench.app.app_context():
        item = db.session.get_one(ExpenseItem, record)
        db.session.remove()
    assert abs(item.captured_at - now) < timedelta(minutes=5)
    assert item.clock_doubt is None


def test_a_record_that_waited_is_corrected_by_its_own_phone(bench: Bench) -> None:
    """Released by a record that another phone of the same person sent."""
    said = clock.now() - timedelta(days=3)
    dev = phone(bench, timedelta(days=2))
    parent = bench.envelope(bench.cast.tech, "expense_item.capture", *_new())
    record = str(ids.uuid7())
    at = {"utc": clock.iso(said), "tz": "Asia/Shanghai", "offset_ms": None, "offset_age_s": None}
    held = bench.send(
        bench.cast.tech,
        "expense_item.capture",
        ("expense_item", record),
        item_data(record),
        dev=dev,
        at=at,
        depends=[json.loads(parent)["op"]],
    )
    assert held.outcome == "held"
    assert bench.push(bench.cast.tech, parent)[0].outcome == "accepted"
    with bench.app.app_context():
        item = db.session.get_one(ExpenseItem, record)
        db.session.remove()
    assert abs(item.captured_at - (clock.now() - timedelta(days=1))) < timedelta(minutes=5)


def _new() -> tuple[tuple[str, str], dict[str, Any]]:
    record = str(ids.uuid7())
    return ("expense_item", record), item_data(record)


def test_hello_measures_and_the_next_push_is_corrected(bench: Bench, client_of: Any) -> None:
    """The whole way: what the phone said in its hello is what its records are corrected by."""
    client = client_of(bench.cast.tech)
    dev, said = str(uuid4()), datetime(2020, 1, 3, 9, tzinfo=UTC)
    hello = {"dev": dev, "ep": "0a1b2c3d", "user": bench.cast.tech.id, "build": "t", "next_seq": 1}
    assert client.post("/sync/hello", json={**hello, "now": clock.iso(said)}).status_code == 200
    _, refused = capture(bench, dev, said, None, spent_on="2019-12-20")
    assert list(refused.problems) == ["spent_on"]
    record, _ = capture(bench, dev, said, None, spent_on=None)
    with bench.app.app_context():
        assert db.session.get_one(ExpenseItem, record).spent_on == clock.today()
        db.session.remove()
