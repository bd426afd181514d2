"""The demo data: complete, the same at every start, never in the future."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from fieldapp.demo import PASSWORD, BadDemo, Book, fill
from fieldapp.field.customers.models import Asset, Customer
from fieldapp.field.jobs.models import Job, Visit, VisitEvent
from fieldapp.integrity import faults
from fieldapp.kernel import clock
from fieldapp.platform.extensions import db
from fieldapp.platform.web.extension_points import MENUS
from fieldapp.services.accounts.models import Group, Membership, User
from fieldapp.services.accounts.queries import actor_of
from fieldapp.services.approvals.queries import load_cases, waiting_for

LOGINS = (
    *("tech1", "tech2", "tech3", "lead1", "lead2", "finance", "agent", "manager"),
    *("purchasing", "executive", "hr", "quality", "admin"),
)


@pytest.fixture
def filled(bench: Any) -> Any:
    """An application with nothing but the demo in it."""
    with bench.app.app_context():
        bench._empty()
        db.session.remove()
        fill()
        db.session.remove()
    return bench.app


@pytest.fixture
def demo(filled: Any) -> Any:
    """The same, its database at hand."""
    with filled.app_context():
        yield filled
        db.session.remove()


def test_the_published_logins_work(demo: Any) -> None:
    """The names and the password are those of README.md."""
    for name in LOGINS:
        client = demo.test_client()
        answer = client.post("/login", data={"username": name, "password": PASSWORD})
        assert answer.status_code in {302, 303}, name
        if name == "tech1":
            assert client.get("/jobs").status_code == 200


def test_the_first_screens_stay_within_their_queries(filled: Any, queries: Any) -> None:
    """docs/performance.md, with everything there is to decide in the leader's inbox: claims, reports, parts."""
    seen = 0
    for name in LOGINS:
        client = filled.test_client()
        client.post("/login", data={"username": name, "password": PASSWORD})
        with filled.app_context():
            actor = actor_of(db.session.scalar(select(User.id).where(User.username == name)))
            entries = [entry for menu in MENUS for entry in menu.open_to(actor)]
            kinds = {row.case.subject_type for row in load_cases(waiting_for(actor, 50))}
        assert name != "lead1" or kinds == {"expense_claim", "service_report", "parts_request"}
        for entry in entries:
            with queries() as asked:
                assert client.get(entry.url).status_code == 200, (name, entry.url)
            # The inbox of who decides also says who stands in for them.
            assert asked.count <= 12 + (entry.url == "/inbox"), (name, entry.url, asked.statements)
            seen += 1
    assert seen > 50


def test_it_is_whole(demo: Any) -> None:
    """Every job as its data say, every state as its visits make it, nothing received or done in the future."""
    book = Book()
    count = lambda model: db.session.scalar(select(func.count()).select_from(model))  # noqa: E731
    assert count(User) == len(book.data("people")["users"])
    assert count(Group) == 2
    assert count(Membership) >= count(User)
    assert count(Customer) == len(book.data("customers"))
    assert count(Asset) > 80
    assert count(Job) == len(book.data("jobs"))
    assert list(faults()) == []
    later = clock.now() + timedelta(seconds=1)
    for moment in (Job.received_at, VisitEvent.happened_at, VisitEvent.received_at):
        assert db.session.scalar(select(func.max(moment))) <= later
    states = set(db.session.scalars(select(Visit.state)))
    assert {"assigned", "accepted", "en_route", "on_site", "reported", "accepted_by_leader"} <= states


def test_it_is_the_same_at_every_start(demo: Any, bench: Any) -> None:
    def snapshot() -> list[Any]:
        db.session.rollback()
        jobs = db.session.execute(select(Job.id, Job.number, Job.state).order_by(Job.id)).all()
        events = db.session.execute(select(VisitEvent.id, VisitEvent.kind).order_by(VisitEvent.id)).all()
        return [[tuple(row) for row in rows] for rows in (jobs, events)]

    first = snapshot()
    db.session.remove()
    bench._empty()
    db.session.remove()
    fill()
    second = snapshot()
    assert first[0] == second[0]


@pytest.mark.parametrize("hours", [-20, -7, 5])
def test_it_can_be_filled_at_any_hour(bench: Any, hours: int) -> None:
    """At three in the morning nobody has arrived in the future either."""
    with bench.app.app_context():
        bench._empty()
        db.session.remove()
        moment = clock.now() + timedelta(hours=hours)
        with clock.standing_at(moment):
            fill()
            assert db.session.scalar(select(func.max(VisitEvent.happened_at))) <= moment
        db.session.remove()


def test_a_command_of_the_demo_must_be_accepted(bench: Any) -> None:
    with bench.app.app_context():
        book = Book()
        book.users = {"tech": bench.cast.tech.id}
        with pytest.raises(BadDemo):
            book.run("tech", "visit.accept", ("visit", book.id("no such visit")), {})
        with pytest.raises(BadDemo):
            book.data("nothing")
        with pytest.raises(BadDemo):
            book.resolve("jobs.json", book.jobs, "nothing")
        db.session.remove()


def test_a_command_of_the_demo_happens_at_its_time(bench: Any) -> None:
    _, visit = bench.make_job(bench.cast.tech, state="assigned")
    with bench.app.app_context():
        book = Book()
        book.users = {"tech": bench.cast.tech.id}
        at = book.at(-3, "10:30")
        book.run("tech", "visit.accept", ("visit", visit), {}, at=at)
        event = db.session.scalar(select(VisitEvent))
        assert (event.happened_at, event.received_at) == (at, at)
        book.run("tech", "visit.set_out", ("visit", visit), {}, at=book.now + timedelta(days=1))
        latest = db.session.scalar(select(func.max(VisitEvent.received_at)))
        assert latest == book.now
        db.session.remove()
