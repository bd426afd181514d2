"""Several hands on one door, on both databases (failure modes 3, 46, 48)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from fieldapp.field.customers import Asset
from fieldapp.field.jobs import JobAsset
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from tests.platform.commandbus.test_bus import count, item
from tests.support.bench import Bench, Person


def test_3_eight_threads_with_one_record_make_one_effect(bench: Bench) -> None:
    rounds = 10
    for _ in range(rounds):
        body = bench.envelope(bench.cast.tech, *item())
        barrier = Barrier(8)

        def once(body: str = body, barrier: Barrier = barrier) -> tuple[str, bool]:
            barrier.wait()
            result = bench.push(bench.cast.tech, body)[0]
            return result.outcome, result.replayed

        with ThreadPoolExecutor(8) as pool:
            results = [future.result() for future in [pool.submit(once) for _ in range(8)]]
        assert {outcome for outcome, _ in results} == {"accepted"}
        assert [replayed for _, replayed in results].count(False) == 1
    assert count(bench, Receipt) == count(bench, AuditEntry) == rounds


def test_4_one_id_for_eight_records_of_as_many_aggregates_is_given_to_one(bench: Bench) -> None:
    rounds = 5
    for _ in range(rounds):
        first = bench.envelope(bench.cast.tech, *item())
        rest = [bench.envelope(bench.cast.tech, *item(), op=json.loads(first)["op"]) for _ in range(7)]
        barrier = Barrier(8)

        def once(body: str, barrier: Barrier = barrier) -> str:
            barrier.wait()
            return bench.push(bench.cast.tech, body)[0].outcome

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(once, [first, *rest]))
        assert sorted(outcomes) == ["accepted", *["id_reused"] * 7]
    assert count(bench, Receipt) == count(bench, AuditEntry) == count(bench, ExpenseItem) == rounds


def test_many_hands_keep_the_trail_whole(bench: Bench) -> None:
    from fieldapp.platform.audit import checking

    bodies = [[bench.envelope(bench.cast.tech, *item()) for _ in range(5)] for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda batch: bench.push(bench.cast.tech, *batch), bodies))
    with bench.app.app_context():
        assert list(checking.broken(db.session())) == []
        assert db.session.scalar(select(func.max(AuditEntry.id))) == 40


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=lambda o: "".join(map(str, o)))
def test_46_every_order_of_dependent_records_ends_the_same(bench: Bench, order: tuple[int, ...]) -> None:
    bodies: list[str] = []
    for number in range(4):
        depends = [json.loads(bodies[-1])["op"]] if number else []
        bodies.append(bench.envelope(bench.cast.tech, *item(), depends=depends))
    for number in order:
        bench.push(bench.cast.tech, bodies[number])
    assert {r.outcome for r in bench.push(bench.cast.tech, *bodies)} == {"accepted"}
    assert count(bench, AuditEntry) == 4


def test_46_a_waiting_record_sent_again_with_its_parent_has_one_effect(bench: Bench) -> None:
    parent = bench.envelope(bench.cast.tech, *item())
    child = bench.envelope(bench.cast.tech, *item(), depends=[json.loads(parent)["op"]])
    assert bench.push(bench.cast.tech, child)[0].outcome == "held"
    assert [r.outcome for r in bench.push(bench.cast.tech, parent, child)] == ["accepted", "accepted"]
    assert [r.outcome for r in bench.push(bench.cast.tech, parent, child)] == ["accepted", "accepted"]
    assert count(bench, AuditEntry) == 2


def test_46_48_a_waiting_record_sent_again_while_its_parent_arrives_has_one_effect(bench: Bench) -> None:
    rounds = 25
    for _ in range(rounds):
        parent = bench.envelope(bench.cast.tech, *item())
        child = bench.envelope(bench.cast.tech, *item(), depends=[json.loads(parent)["op"]])
        bench.push(bench.cast.tech, child)
        barrier = Barrier(4)

        def once(body: str, barrier: Barrier = barrier) -> None:
            barrier.wait()
            bench.push(bench.cast.tech, body)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(once, [parent, child, child, child]))
        assert {r.outcome for r in bench.push(bench.cast.tech, parent, child)} == {"accepted"}
    assert count(bench, AuditEntry) == 2 * rounds


def test_48_fifty_races_of_a_record_and_what_waits_for_it(bench: Bench) -> None:
    """Parent, child and grandchild at the same moment from three sides: all taken in, each once, none left waiting."""
    rounds = 50
    with ThreadPoolExecutor(3) as pool:
        for _ in range(rounds):
            bodies: list[str] = []
            for number in range(3):
                depends = [json.loads(bodies[-1])["op"]] if number else []
                bodies.append(bench.envelope(bench.cast.tech, *item(), depends=depends))
            barrier = Barrier(3)

            def once(body: str, barrier: Barrier = barrier) -> str:
                barrier.wait()
                return bench.push(bench.cast.tech, body)[0].outcome

            assert {*pool.map(once, bodies)} <= {"accepted", "held"}
    with bench.app.app_context():
        outcomes = db.session.execute(select(Receipt.outcome, func.count()).group_by(Receipt.outcome)).all()
        db.session.remove()
    assert [tuple(row) for row in outcomes] == [("accepted", 3 * rounds)]
    assert count(bench, AuditEntry) == 3 * rounds


def test_51_two_people_at_the_same_moment(bench: Bench) -> None:
    """One field: one is taken, the other sees both values. Two fields: both are taken."""
    job, _ = bench.make_job(bench.cast.tech)
    with bench.app.app_context():
        asset = str(db.session.scalar(select(JobAsset.asset_id).where(JobAsset.job_id == job)))
        db.session.remove()
    seen = {"model": "GT06-N", "serial_no": "8832019", "mounted_at": None, "sim_no": None}

    def amend(who: Person, field: str, words: str, barrier: Barrier) -> str:
        data = {name: value for name, value in {**seen, field: f"{who.name} {words}"}.items() if value}
        body = bench.envelope(who, "asset.amend", ("asset", asset), data, base={"ver": 0, "fields": seen})
        barrier.wait()
        return bench.push(who, body)[0].outcome

    rounds = [
        (("mounted_at", "mounted_at"), ["accepted", "conflict"]),
        (("mounted_at", "sim_no"), ["accepted", "accepted"]),
    ]
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            fields, expected = rounds[number % 2]
            people, barrier = (bench.cast.tech, bench.cast.agent), Barrier(2)
            outcomes = pool.map(amend, people, fields, [str(number)] * 2, [barrier] * 2)
            assert sorted(outcomes) == expected
            with bench.app.app_context():
                record = db.session.get_one(Asset, asset)
                seen |= {"mounted_at": record.mounted_at, "sim_no": record.sim_no}
                db.session.remove()


def test_70_pages_are_read_while_records_are_being_written(bench: Bench) -> None:
    """Reading waits for no writer: the list opens while a batch holds the write lock."""
    client = bench.client_of(bench.cast.tech)
    # The very first page of an installation gives it its name.
    assert client.get("/jobs").status_code == 200
    with bench.app.app_context(), writing() as session:
        session.execute(update(Receipt).values(kind=Receipt.kind))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(client.get, "/jobs").result(timeout=20).status_code == 200
    with bench.app.app_context():
        db.session.remove()
