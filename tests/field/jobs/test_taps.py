"""Taps on site through the door (D-JOB-5), and what becomes of them when the job changed meanwhile (D-JOB-10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from fieldapp.field.jobs.models import Visit, VisitEvent, VisitMember
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db

HERE = {"position": {"lat": 34.7501, "lon": 113.7001, "accuracy_m": 12, "age_s": 3}}
DATA: dict[str, dict[str, Any]] = {"refuse": {"reason": "I am at another site."}}


@pytest.fixture
def change(app: Any) -> Any:
    """`change(fn)` runs `fn(session)` in a write transaction: what the office did meanwhile."""

    def _change(work: Any) -> None:
        with app.app_context():
            with writing() as session:
                work(session)
            db.session.remove()

    return _change


@pytest.mark.parametrize(
    ("before", "verb", "after", "job"),
    [
        ("assigned", "accept", "accepted", "planned"),
        ("assigned", "set_out", "en_route", "in_progress"),
        ("accepted", "set_out", "en_route", "in_progress"),
        ("en_route", "arrive", "on_site", "in_progress"),
        ("on_site", "start", "working", "in_progress"),
        ("working", "pause", "paused", "in_progress"),
        ("paused", "resume", "working", "in_progress"),
        ("accepted", "refuse", "refused", "new"),
    ],
)
def test_each_tap_moves_the_visit_and_the_job(
    cast: Any, send: Any, make_job: Any, state_of: Any, before: str, verb: str, after: str, job: str
) -> None:
    _, visit = make_job(cast.tech, state=before)
    result = send(cast.tech, f"visit.{verb}", ("visit", visit), DATA.get(verb, {}))
    assert result.outcome == "accepted"
    assert result.ref.startswith("W-")
    assert result.ver == 2
    assert state_of(visit) == (after, job)


def test_a_tap_keeps_both_clocks_and_the_place(cast: Any, send: Any, make_job: Any, read: Any) -> None:
    _, visit = make_job(cast.tech, state="en_route")
    at = clock.now() - timedelta(hours=3)
    when = {"utc": clock.iso(at), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 5}
    assert send(cast.tech, "visit.arrive", ("visit", visit), HERE, at=when).outcome == "accepted"
    ((event,),) = read(select(VisitEvent).where(VisitEvent.visit_id == visit))
    assert (event.kind, event.user_id, event.arrival_check, event.late) == ("arrive", cast.tech.id, "at_site", False)
    assert abs((event.happened_at - at).total_seconds()) < 1
    assert event.received_at - event.happened_at > timedelta(hours=2)
    assert (round(event.lat, 4), round(event.lon, 4), event.accuracy_m) == (34.7501, 113.7001, 12)


@pytest.mark.parametrize(
    ("data", "check"),
    [
        (HERE, "at_site"),
        ({"position": {"lat": 30.0, "lon": 110.0, "accuracy_m": 10}}, "away"),
        ({"no_position": "denied"}, "no_position"),
        ({}, "no_position"),
        ({"no_position": "offline"}, "offline"),
    ],
)
def test_the_arrival_check_stops_nobody(
    cast: Any, send: Any, make_job: Any, read: Any, state_of: Any, data: dict[str, Any], check: str
) -> None:
    """D-JOB-5: wherever the phone thinks it is, the visit goes on."""
    _, visit = make_job(cast.tech, state="en_route")
    assert send(cast.tech, "visit.arrive", ("visit", visit), data).outcome == "accepted"
    assert read(select(VisitEvent.arrival_check).where(VisitEvent.visit_id == visit)) == [(check,)]
    assert state_of(visit)[0] == "on_site"


def test_the_same_tap_twice_is_one_event(cast: Any, send: Any, make_job: Any, read: Any, state_of: Any) -> None:
    """D-JOB-5, failure mode 6: tapped on two phones or in two tabs, recorded once."""
    _, visit = make_job(cast.tech, state="accepted")
    for _ in range(2):
        assert send(cast.tech, "visit.set_out", ("visit", visit), {}).outcome == "accepted"
    assert read(select(func.count()).where(VisitEvent.visit_id == visit)) == [(1,)]
    assert state_of(visit)[0] == "en_route"


def test_an_earlier_tap_is_kept_and_moves_nothing_back(
    cast: Any, send: Any, make_job: Any, read: Any, state_of: Any
) -> None:
    """D-JOB-5: taps go forward only, in whatever order they arrive."""
    _, visit = make_job(cast.tech, state="accepted")
    for verb in ("start", "arrive", "set_out", "accept"):
        assert send(cast.tech, f"visit.{verb}", ("visit", visit), {}).outcome == "accepted"
        assert state_of(visit)[0] == "working"
    kinds = {kind for (kind,) in read(select(VisitEvent.kind).where(VisitEvent.visit_id == visit))}
    assert kinds == {"start", "arrive", "set_out", "accept"}


def test_breaks_may_be_many(cast: Any, send: Any, make_job: Any, read: Any) -> None:
    _, visit = make_job(cast.tech, state="working")
    for verb in ("pause", "pause", "resume", "pause", "resume"):
        assert send(cast.tech, f"visit.{verb}", ("visit", visit), {}).outcome == "accepted"
    kinds = [kind for (kind,) in read(select(VisitEvent.kind).order_by(VisitEvent.received_at, VisitEvent.id))]
    assert kinds == ["pause", "resume", "pause", "resume"]


def test_both_technicians_taps_are_kept(cast: Any, send: Any, make_job: Any, read: Any) -> None:
    _, visit = make_job(cast.tech, state="accepted", others=(cast.tech2,))
    for person in (cast.tech, cast.tech2):
        assert send(person, "visit.set_out", ("visit", visit), {}).outcome == "accepted"
    users = {user for (user,) in read(select(VisitEvent.user_id))}
    assert users == {cast.tech.id, cast.tech2.id}


def test_a_refusal_needs_a_reason_and_goes_to_the_leader(cast: Any, send: Any, make_job: Any, read: Any) -> None:
    _, visit = make_job(cast.tech, state="assigned")
    bare = send(cast.tech, "visit.refuse", ("visit", visit), {})
    assert (bare.outcome, list(bare.problems)) == ("rejected", ["reason"])
    assert send(cast.tech, "visit.refuse", ("visit", visit), DATA["refuse"]).outcome == "accepted"
    rows = read(select(Notice.user_id, Notice.kind, Notice.params))
    assert [(user, kind) for user, kind, _ in rows] == [(cast.leader.id, "visit.refuse")]
    assert rows[0][2]["reason"] == DATA["refuse"]["reason"]


def test_only_the_one_in_charge_gives_a_visit_back(cast: Any, send: Any, make_job: Any, state_of: Any) -> None:
    _, visit = make_job(cast.tech, state="assigned", others=(cast.tech2,))
    assert send(cast.tech2, "visit.refuse", ("visit", visit), DATA["refuse"]).outcome == "rejected"
    assert state_of(visit)[0] == "assigned"


@pytest.mark.parametrize("who", ["tech2", "other_tech", "leader", "other_leader", "finance", "admin", "quality"])
def test_nobody_else_taps(cast: Any, send: Any, make_job: Any, state_of: Any, who: str) -> None:
    _, visit = make_job(cast.tech, state="accepted")
    result = send(getattr(cast, who), "visit.set_out", ("visit", visit), {})
    assert result.outcome == "rejected"
    assert state_of(visit)[0] == "accepted"


def test_a_visit_that_does_not_exist(cast: Any, send: Any, make_job: Any) -> None:
    job, _ = make_job(cast.tech)
    assert send(cast.tech, "visit.set_out", ("visit", job), {}).outcome == "rejected"


def test_unknown_fields_are_refused(cast: Any, send: Any, make_job: Any) -> None:
    """The client never names the state it wants."""
    _, visit = make_job(cast.tech)
    result = send(cast.tech, "visit.set_out", ("visit", visit), {"state": "reported"})
    assert (result.outcome, list(result.problems)) == ("rejected", ["state"])


def test_work_on_a_cancelled_visit_arrives_all_the_same(
    cast: Any, send: Any, make_job: Any, change: Any, read: Any, state_of: Any
) -> None:
    """D-JOB-10, failure mode 50: kept, marked, told to the leader once, and the visit stays cancelled."""
    _, visit = make_job(cast.tech, state="accepted")
    change(lambda session: setattr(session.get(Visit, visit), "state", "cancelled"))
    for verb in ("set_out", "arrive", "start"):
        assert send(cast.tech, f"visit.{verb}", ("visit", visit), {}).outcome == "accepted"
    assert state_of(visit)[0] == "cancelled"
    assert read(select(VisitEvent.late)) == [(True,), (True,), (True,)]
    assert read(select(Notice.user_id, Notice.kind)) == [(cast.leader.id, "visit.late")]


def test_work_on_a_visit_given_to_somebody_else(
    cast: Any, send: Any, make_job: Any, change: Any, read: Any, state_of: Any
) -> None:
    """D-JOB-10: the first technician's taps are facts; the second one's visit stands where the second one is."""
    _, visit = make_job(cast.tech, state="accepted")

    def reassign(session: Any) -> None:
        session.get(VisitMember, (visit, cast.tech.id)).removed_at = clock.now()
        session.get(Visit, visit).technician_id = cast.tech2.id
        session.add(VisitMember(visit_id=visit, user_id=cast.tech2.id, in_charge=True))

    change(reassign)
    assert send(cast.tech, "visit.arrive", ("visit", visit), HERE).outcome == "accepted"
    assert state_of(visit)[0] == "accepted"
    assert read(select(VisitEvent.user_id, VisitEvent.late)) == [(cast.tech.id, True)]
    assert read(select(Notice.user_id, Notice.kind)) == [(cast.leader.id, "visit.late")]
    assert send(cast.tech2, "visit.set_out", ("visit", visit), {}).outcome == "accepted"
    assert state_of(visit)[0] == "en_route"
