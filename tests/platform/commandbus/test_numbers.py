"""Numbers for people: by day, by year or for ever, and never one twice (ADR 41)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim
from fieldapp.platform.commandbus import Numbers, writing
from fieldapp.platform.extensions import db
from tests.support.bench import Bench

DAY = date(2026, 11, 23)


def _claim(number: str, owner: int) -> ExpenseClaim:
    values = {"state": "submitted", "total": 1, "month": "2026-11", "submitted_at": clock.now()}
    return ExpenseClaim(id=str(ids.uuid7()), number=number, owner_id=owner, **values)


@pytest.mark.parametrize(
    ("period", "first", "same_period", "other_period"),
    [
        ("%y%m%d", "X-261123-01", DAY, date(2026, 11, 24)),
        ("%Y", "X-2026-01", date(2026, 1, 1), date(2027, 1, 1)),
        ("", "X-01", date(2031, 5, 5), None),
    ],
)
def test_numbers_count_from_one_in_their_period(
    bench: Bench, period: str, first: str, same_period: date, other_period: date | None
) -> None:
    numbers = Numbers("X", lambda: ExpenseClaim.number, period)
    with bench.app.app_context():
        with writing() as session:
            assert numbers.next(session, DAY) == first
            for place in (1, 99):
                session.add(_claim(numbers.of(DAY, place), bench.cast.tech.id))
            session.flush()
            assert numbers.next(session, same_period) == numbers.of(DAY, 100)
            session.add(_claim(numbers.of(DAY, 100), bench.cast.tech.id))
            session.flush()
            assert numbers.next(session, same_period) == numbers.of(DAY, 101)
            if other_period:
                assert numbers.next(session, other_period).endswith("-01")
        db.session.remove()


def test_eight_at_once_get_eight_numbers_without_an_error_or_a_gap(bench: Bench) -> None:
    numbers, barrier = Numbers("X", lambda: ExpenseClaim.number), Barrier(8)

    def once(_: int) -> None:
        barrier.wait()
        with bench.app.app_context():
            try:
                with writing() as session:
                    session.add(_claim(numbers.next(session, DAY), bench.cast.tech.id))
            finally:
                db.session.remove()

    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(once, range(8)))
    with bench.app.app_context():
        stored = sorted(db.session.scalars(select(ExpenseClaim.number)))
        db.session.remove()
    assert stored == [numbers.of(DAY, place) for place in range(1, 41)]
