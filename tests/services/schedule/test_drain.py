"""Due work is done once, whatever ends a process or moves a clock (ADR 39)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import event, insert, select, text, update

from fieldapp.integrity import faults
from fieldapp.kernel import clock
from fieldapp.kernel.clock import BUSINESS_ZONE
from fieldapp.platform import audit
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import CLOCK, SYNC, WEB, DueKind, execute, perform, writing
from fieldapp.platform.commandbus.due_work import WAKE
from fieldapp.platform.commandbus.models import Notice, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.schedule import Sweeper
from fieldapp.services.schedule.draining import _due
from fieldapp.services.schedule.models import DueWork, ScheduleClock, ScheduleServer
from fieldapp.services.schedule.policy import MAX_ATTEMPTS
from tests.platform.commandbus.test_bus import item
from tests.services.schedule.conftest import Schedule
from tests.support.bench import Bench

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def at(text_: str) -> datetime:
    return datetime.fromisoformat(text_).replace(tzinfo=BUSINESS_ZONE).astimezone(UTC)


def daily(hour: int) -> DueKind:
    """Due each day at this hour; after a downtime only the newest."""

    def following(key: str, moment: datetime) -> datetime:
        local = clock.local(moment)
        today = local.replace(hour=hour, minute=0, second=0, microsecond=0)
        return (today if today > local else today + DAY).astimezone(UTC)

    return DueKind("last", following)


def test_work_is_done_when_it_is_due_and_not_before(schedule: Schedule) -> None:
    schedule.write("test.each", NOW)
    assert schedule.bench.tick(NOW - MINUTE) == 0
    assert schedule.bench.tick(NOW) == 1
    assert schedule.bench.tick(NOW + HOUR) == 0
    assert (schedule.states(), schedule.effects(), schedule.counted()) == (["done"], ["k"], (1, 1))
    assert schedule.moments() == [NOW.isoformat()]


def test_the_same_work_scheduled_twice_is_one_row(schedule: Schedule) -> None:
    assert schedule.write("test.each", NOW) == schedule.write("test.each", NOW)
    schedule.bench.tick(NOW)
    schedule.write("test.each", NOW)
    assert schedule.bench.tick(NOW + HOUR) == 0
    assert schedule.states() == ["done"]


def test_failed_work_is_tried_later_and_the_others_go_on(schedule: Schedule) -> None:
    schedule.write("test.each", NOW, key="fails")
    schedule.write("test.each", NOW + MINUTE, key="good")
    assert schedule.bench.tick(NOW + MINUTE) == 2
    assert schedule.effects() == ["good"]
    rows = schedule.rows(DueWork.key, DueWork.state, DueWork.attempts, DueWork.next_try_at, DueWork.error_no)
    ((key, state, attempts, again, number), other) = rows
    assert (key, state, attempts, again) == ("fails", "waiting", 1, NOW + 2 * MINUTE)
    assert len(number) == 12
    assert other[4] is None
    # Nothing was stored of the try that failed.
    assert schedule.counted() == (1, 1)


@pytest.mark.parametrize("key", ["fails", "refused"])
def test_work_is_parked_after_eight_tries_with_one_message_a_kind(schedule: Schedule, key: str) -> None:
    schedule.write("test.each", NOW, key=f"{key}1")
    schedule.write("test.each", NOW, key=f"{key}2")
    tries = sum(schedule.bench.tick(NOW + n * 7 * HOUR) for n in range(MAX_ATTEMPTS + 3))
    assert tries == 2 * MAX_ATTEMPTS
    assert schedule.rows(DueWork.state, DueWork.attempts) == [("parked", MAX_ATTEMPTS)] * 2
    with schedule.bench.app.app_context():
        told = db.session.execute(select(Notice.user_id, Notice.kind, Notice.params)).all()
        assert [tuple(one) for one in told] == [
            (schedule.bench.cast.admin.id, "due_work.parked", {"what": "Test test.each"})
        ]
        assert db.session.scalars(select(AuditEntry.action)).all() == ["due_work.park"] * 2
        assert list(audit.faults(db.session())) == []
        assert list(faults()) == []


def test_work_of_an_unknown_kind_waits_for_the_version_that_knows_it(schedule: Schedule) -> None:
    schedule.write("test.unknown", NOW)
    assert schedule.bench.tick(NOW) == 1
    assert schedule.rows(DueWork.state, DueWork.attempts) == [("waiting", 1)]


def test_work_with_nothing_left_to_do_ends_without_a_word(schedule: Schedule) -> None:
    schedule.write("test.each", NOW, key="nothing")
    assert schedule.bench.tick(NOW) == 1
    assert schedule.states() == ["overtaken"]
    assert schedule.counted()[1] == 0


def test_3_down_from_the_evening_to_the_morning(schedule: Schedule) -> None:
    """A digest at 17:00, a reminder for 17:30, a breach at 18:00; the server was down from 16:55 to 09:10."""
    schedule.declare("test.digest", daily(17))
    schedule.declare("test.remind", DueKind("drop"))
    schedule.write("test.digest", at("2026-12-01 17:00"), key="digest")
    reminder = {"late_after": at("2026-12-01 18:00")}
    schedule.write("test.remind", at("2026-12-01 17:30"), key="reminder", **reminder)
    schedule.write("test.each", at("2026-12-01 18:00"), key="breach")
    schedule.bench.tick(at("2026-12-01 16:55"))
    schedule.bench.tick(at("2026-12-02 09:10"))
    assert schedule.effects() == ["digest", "breach"]
    assert schedule.moments()[1] == at("2026-12-01 18:00").isoformat()
    states = [(kind, state) for kind, state in schedule.rows(DueWork.kind, DueWork.state)]
    assert states == [
        ("test.digest", "done"),
        ("test.remind", "overtaken"),
        ("test.each", "done"),
        ("test.digest", "waiting"),
    ]


def test_4_monthly_work_is_caught_up_month_by_month(schedule: Schedule) -> None:
    def following(key: str, moment: datetime) -> datetime:
        month = clock.local(moment).date().replace(day=1)
        return clock.day_bounds((month + timedelta(days=32)).replace(day=1))[0]

    schedule.declare("test.month", DueKind("each", following))
    schedule.write("test.month", at("2026-09-01 00:00"))
    schedule.bench.tick(at("2026-09-01 00:05"))
    schedule.bench.tick(at("2026-12-01 00:05"))
    expected = [at(f"2026-{month}-01 00:00").isoformat() for month in ("09", "10", "11", "12")]
    assert schedule.moments() == expected
    assert schedule.states() == ["done"] * 4 + ["waiting"]


def test_5_daily_work_is_caught_up_once(schedule: Schedule) -> None:
    schedule.declare("test.digest", daily(17))
    schedule.write("test.digest", at("2026-12-01 17:00"))
    schedule.bench.tick(at("2026-12-01 17:00"))
    schedule.bench.tick(at("2026-12-11 17:30"))
    assert schedule.moments() == [at("2026-12-01 17:00").isoformat(), at("2026-12-11 17:00").isoformat()]
    assert schedule.rows(DueWork.due_at)[-1] == (at("2026-12-12 17:00"),)


def test_of_several_reminders_of_one_key_only_the_newest_speaks(schedule: Schedule) -> None:
    schedule.declare("test.remind", DueKind("last"))
    schedule.write("test.remind", NOW, NOW + HOUR, NOW + 3 * HOUR)
    schedule.bench.tick(NOW + 2 * HOUR)
    assert schedule.states() == ["overtaken", "done", "waiting"]


def test_a_new_generation_overtakes_what_waits(schedule: Schedule) -> None:
    schedule.write("test.each", NOW + HOUR, key="deadline", occurrence="1", generation=1)
    schedule.write("test.each", NOW + HOUR, key="other", occurrence="1", generation=1)
    schedule.write("test.each", NOW, key="deadline", occurrence="2", generation=2)
    schedule.bench.tick(NOW + DAY)
    assert sorted(schedule.rows(DueWork.key, DueWork.generation, DueWork.state)) == [
        ("deadline", 1, "overtaken"),
        ("deadline", 2, "done"),
        ("other", 1, "done"),
    ]


def test_3_work_claimed_by_four_servers_at_once_is_done_once(schedule: Schedule) -> None:
    ops = schedule.write("test.each", *(NOW + n * timedelta(seconds=1) for n in range(20)))

    def do(op: str) -> str:
        with schedule.bench.app.test_request_context():
            return perform(op, NOW + HOUR)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(do, [op for op in ops for _ in range(4)])) == ["done"] * 80
    assert (len(schedule.effects()), schedule.counted()) == (20, (20, 20))


def test_work_after_one_that_ended_the_process_is_not_taken_along(schedule: Schedule) -> None:
    """A try is counted before it is made, and what was tried before is claimed alone."""
    schedule.write("test.each", *(NOW + n * timedelta(seconds=1) for n in range(3)))
    with schedule.bench.app.app_context(), writing() as session:
        session.execute(update(DueWork).values(attempts=1, next_try_at=NOW))
    stopped = iter([False, False, True, True])
    from fieldapp.services.schedule import drain

    drain(schedule.bench.app, NOW, lambda: next(stopped))
    assert sorted(schedule.rows(DueWork.attempts, DueWork.state)) == [(1, "waiting"), (1, "waiting"), (2, "done")]


@pytest.mark.parametrize("channel", [SYNC, WEB])
def test_an_envelope_of_a_person_does_not_end_due_work(schedule: Schedule, channel: object) -> None:
    (op,) = schedule.write("test.each", NOW)
    person = schedule.bench.cast.tech
    body = schedule.bench.envelope(person, *item(), op=op)
    with schedule.bench.app.test_request_context():
        result = execute([body], schedule.bench.actor(person), channel)[0]  # type: ignore[arg-type]
        db.session.remove()
    assert (result.outcome, result.code) == ("rejected", "envelope.unreadable")
    assert schedule.states() == ["waiting"]
    schedule.bench.tick(NOW)
    assert (schedule.states(), schedule.effects()) == (["done"], ["k"])


def test_a_person_cannot_send_the_command_of_due_work(schedule: Schedule) -> None:
    data = {"key": "k", "occurrence": "1"}
    result = schedule.bench.send(schedule.bench.cast.admin, "test.each", ("test", item()[1][1]), data)
    assert (result.outcome, result.code) == ("rejected", "command.not_allowed")


# -- the clock -------------------------------------------------------------------------------------------------


def sweep(bench: Bench, moment: datetime) -> int:
    with time_machine.travel(moment, tick=False):
        return Sweeper(bench.app, "here 1").sweep()


def test_6_a_clock_set_back_by_an_hour_does_nothing_twice(schedule: Schedule) -> None:
    schedule.declare("test.often", DueKind("each", lambda key, moment: moment + 10 * MINUTE))
    schedule.write("test.often", NOW)
    moment, passed = NOW, 0
    for _ in range(30):
        for step in range(8):
            sweep(schedule.bench, moment + step * 10 * MINUTE)
        passed = max(passed, len(schedule.effects()))
        moment += 10 * MINUTE
    assert len(set(schedule.moments())) == len(schedule.moments())
    # 30 times an hour back: what is due by the latest time seen is done, and nothing of it later.
    assert len(schedule.moments()) == 30 + 7
    assert schedule.rows(DueWork.state).count(("waiting",)) == 1


def test_work_that_is_due_while_the_clock_is_back_is_not_late(schedule: Schedule) -> None:
    sweep(schedule.bench, NOW)
    schedule.write("test.each", NOW - 30 * MINUTE)
    assert sweep(schedule.bench, NOW - HOUR) == 1


def test_7_a_clock_set_to_2031_and_back_does_nothing(schedule: Schedule, database: tuple[str, str]) -> None:
    sweep(schedule.bench, NOW)
    schedule.write("test.each", NOW + DAY)
    for moment in (NOW.replace(year=2031), NOW.replace(year=2031) + HOUR):
        assert sweep(schedule.bench, moment) == 0
    with schedule.bench.app.app_context():
        told = db.session.execute(select(Notice.user_id, Notice.kind)).all()
        assert [tuple(one) for one in told] == [(schedule.bench.cast.admin.id, "schedule.paused")]
    page = schedule.bench.client_of(schedule.bench.cast.admin).get("/due-work").text
    assert "Waiting for a confirmed time" in page
    assert sweep(schedule.bench, NOW + HOUR) == 0
    assert (schedule.states(), schedule.effects()) == (["waiting"], [])
    page = schedule.bench.client_of(schedule.bench.cast.admin).get("/due-work").text
    assert "Waiting for a confirmed time" not in page
    assert sweep(schedule.bench, NOW + DAY) == 1


def test_a_long_downtime_is_confirmed_by_a_phone(schedule: Schedule, database: tuple[str, str]) -> None:
    if database[0] == "postgresql":
        pytest.skip("there the database server's clock confirms")
    sweep(schedule.bench, NOW)
    schedule.write("test.each", NOW + DAY)
    assert sweep(schedule.bench, NOW + 20 * DAY) == 0
    from fieldapp.services.devices.models import Device

    seen = NOW + 20 * DAY
    with schedule.bench.app.app_context(), writing() as session:
        phone = {"dev": item()[1][1], "ep": "0a1b2c3d", "user_id": 1, "build": "", "display_mode": "", "next_seq": 1}
        session.add(Device(**phone, first_seen_at=seen, last_seen_at=seen, clock_offset_ms=40_000))
    assert sweep(schedule.bench, NOW + 20 * DAY + MINUTE) == 1


def test_a_long_downtime_is_confirmed_by_an_administrator(schedule: Schedule) -> None:
    sweep(schedule.bench, NOW)
    schedule.write("test.each", NOW + DAY)
    assert sweep(schedule.bench, NOW + 20 * DAY) == 0
    cast, agg = schedule.bench.cast, ("schedule", "00000000-0000-0000-0000-000000000001")
    with time_machine.travel(NOW + 20 * DAY, tick=False):
        assert schedule.bench.send(cast.manager, "schedule.confirm_clock", agg, {}).outcome == "rejected"
        assert schedule.bench.send(cast.admin, "schedule.confirm_clock", agg, {}).outcome == "accepted"
        assert schedule.bench.send(cast.admin, "schedule.confirm_clock", agg, {}).outcome == "conflict"
    assert sweep(schedule.bench, NOW + 20 * DAY + MINUTE) == 1


def test_each_server_notes_its_last_sweep(bench: Bench) -> None:
    for name, moment in (("here 1", NOW), ("there 2", NOW), ("here 1", NOW + MINUTE)):
        with time_machine.travel(moment, tick=False):
            Sweeper(bench.app, name).sweep()
    with bench.app.app_context():
        query = select(ScheduleServer.name, ScheduleServer.swept_at).order_by(ScheduleServer.name)
        assert [tuple(row) for row in db.session.execute(query)] == [("here 1", NOW + MINUTE), ("there 2", NOW)]
        assert db.session.scalars(select(ScheduleClock.high_water)).all() == [NOW + MINUTE]


def test_a_commit_that_writes_due_work_wakes_the_drain(schedule: Schedule) -> None:
    from fieldapp.platform.commandbus.due_work import Due, wake_if_due

    WAKE.clear()
    later, now = (Due("test.each", "k", ("test", "x"), moment) for moment in (NOW + HOUR, NOW))
    assert not wake_if_due([later], NOW)
    assert not WAKE.is_set()
    assert wake_if_due([later, now], NOW)
    assert WAKE.is_set()
    WAKE.clear()


def test_the_thread_does_what_is_due_and_stops(schedule: Schedule) -> None:
    schedule.write("test.each", clock.now() - MINUTE)
    sweeper = Sweeper(schedule.bench.app, "here 1", interval=0.01)
    done = sweeper.sweep

    def once() -> int:
        try:
            return done()
        finally:
            sweeper.stopping.set()
            WAKE.set()

    sweeper.sweep = once  # type: ignore[method-assign]
    sweeper.start()
    assert sweeper._thread is not None
    sweeper._thread.join(30)
    assert not sweeper._thread.is_alive()
    assert schedule.states() == ["done"]


# -- size ------------------------------------------------------------------------------------------------------


def test_10_the_claim_reads_the_index_only(schedule: Schedule) -> None:
    """Of 100,000 waiting rows the 10 that are due are found by the index and in its order."""
    values = {"kind": "test.each", "agg_type": "test", "agg_id": "x", "occurrence": "1", "catch_up": "each"}
    with schedule.bench.app.app_context(), writing() as session:
        later = [
            {
                **values,
                **{"op": f"{n:036}", "key": str(n), "generation": 0, "state": "waiting", "attempts": 0},
                **dict.fromkeys(("due_at", "late_after", "next_try_at"), NOW + DAY + timedelta(seconds=n)),
            }
            for n in range(100_000)
        ]
        session.connection().execute(insert(DueWork.__table__), later)
    schedule.write("test.each", *(NOW + timedelta(seconds=n) for n in range(10)), key="due")
    with schedule.bench.app.app_context(), db.engine.connect() as connection:
        connection.execute(text("ANALYZE"))
        event.listen(connection, "before_cursor_execute", _explain, retval=True)
        # Past the types of the columns: the plan is text.
        plan = str(connection.execute(_due, {"now": NOW}).cursor.fetchall())
        connection.rollback()
    assert "ix_due_work_next" in plan
    for whole in ("Seq Scan", "SCAN due_work", "TEMP B-TREE FOR ORDER BY"):
        assert whole not in plan
    assert schedule.bench.tick(NOW + HOUR) == 10


def _explain(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> Any:
    prefix = "EXPLAIN " if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    return prefix + statement, parameters


# -- the page ----------------------------------------------------------------------------------------------------


def test_the_page_says_what_is_due_late_and_parked(schedule: Schedule) -> None:
    now = clock.now()
    schedule.write("test.each", now - HOUR, now + 10 * MINUTE, now + DAY)
    schedule.write("test.each", now - DAY, key="fails")
    with schedule.bench.app.app_context(), writing() as session:
        session.execute(update(DueWork).where(DueWork.key == "fails").values(state="parked", attempts=8, error_no="a1"))
    client = schedule.bench.client_of(schedule.bench.cast.admin)
    page = client.get("/due-work").text
    assert "Test test.each" in page
    for label in ("Due within an hour", "Late", "Parked"):
        assert f'data-label="{label}">1<' in page.replace('<span class="tag soon">', "").replace(
            '<span class="tag hot">', ""
        )
    assert "No server has looked for scheduled work" in page
    assert "a1" in page
    assert client.get("/me").text.count("/due-work") == 1


def test_only_administrators_open_the_page(bench: Bench) -> None:
    for person in (bench.cast.tech, bench.cast.leader, bench.cast.manager, bench.cast.finance):
        assert bench.client_of(person).get("/due-work").status_code == 403


def parked(schedule: Schedule) -> str:
    (op,) = schedule.write("test.each", clock.now() - HOUR)
    with schedule.bench.app.app_context(), writing() as session:
        session.execute(update(DueWork).values(state="parked", attempts=MAX_ATTEMPTS))
    return op


def test_parked_work_is_tried_again(schedule: Schedule) -> None:
    op = parked(schedule)
    assert schedule.bench.tick(clock.now() + 30 * DAY) == 0
    for person, outcome in ((schedule.bench.cast.manager, "rejected"), (schedule.bench.cast.admin, "accepted")):
        assert schedule.bench.send(person, "due_work.retry", ("due_work", op), {}).outcome == outcome
    assert schedule.bench.tick() == 1
    assert (schedule.states(), schedule.effects()) == (["done"], ["k"])
    again = schedule.bench.send(schedule.bench.cast.admin, "due_work.retry", ("due_work", op), {})
    assert (again.outcome, again.code) == ("conflict", "due_work.not_parked")


def test_parked_work_is_given_up_with_a_reason(schedule: Schedule) -> None:
    op = parked(schedule)
    client = schedule.bench.client_of(schedule.bench.cast.admin)
    url = f"/due-work/{op}/give-up"
    assert "Reason" in client.get(url).text
    from fieldapp.kernel import ids

    form = {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now())}
    assert client.post(url, data=form).status_code == 422
    form = {"_op": str(ids.uuid7()), "_issued": form["_issued"], "reason": "Not needed any more"}
    assert client.post(url, data=form).status_code == 303
    assert schedule.states() == ["cancelled"]
    assert client.get(url).status_code == 404
    assert schedule.bench.tick(clock.now() + 30 * DAY) == 0


def test_tick_lets_the_clock_stand(schedule: Schedule) -> None:
    schedule.write("test.each", NOW)
    runner = schedule.bench.app.test_cli_runner()
    assert runner.invoke(args=["tick", "--at", "2026-12-01T15:59+08:00"]).output == "0 tries\n"
    assert runner.invoke(args=["tick", "--at", "2026-12-01T16:00+08:00"]).output == "1 tries\n"
    assert runner.invoke(args=["tick", "--at", "yesterday"]).exit_code == 2
    with schedule.bench.app.app_context():
        assert db.session.scalars(select(Receipt.received_at)).all() == [NOW]
        assert json.loads(db.session.scalars(select(Receipt.body)).one())["at"]["utc"] == clock.iso(NOW)
        assert db.session.scalars(select(Receipt.channel)).all() == [CLOCK.name]
        # A tick tells nothing of the real time.
        assert db.session.scalars(select(ScheduleClock.high_water)).all() == []
