"""What jobs give the house: the offline pack, checks, numbers, words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from fieldapp.field.jobs import next_number, number_of, pack_jobs
from fieldapp.field.jobs import words as all_words
from fieldapp.field.jobs.models import Job, Visit
from fieldapp.field.jobs.notices import NOTICES
from fieldapp.field.jobs.policy import PROGRESS_ORDER, TAPS, VISIT, arrival_check
from fieldapp.integrity import faults
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.extension_points import can_view


def packed(bench: Any, person: Any) -> dict[str, str]:
    return {url: etag for url, etag in bench.pack_of(person).items() if url.startswith("/jobs")}


def test_the_pack_holds_the_next_days_and_what_is_left_over(cast: Any, bench: Any) -> None:
    now = clock.now()
    soon, _ = bench.make_job(cast.tech, start=now + timedelta(days=2))
    left, _ = bench.make_job(cast.tech, start=now - timedelta(days=9))
    far, _ = bench.make_job(cast.tech, start=now + timedelta(days=9))
    done, _ = bench.make_job(cast.tech, start=now - timedelta(days=9), state="accepted_by_leader")
    others, _ = bench.make_job(cast.tech2, start=now)
    urls = packed(bench, cast.tech)
    assert {"/jobs", f"/jobs/{soon}", f"/jobs/{left}"} <= urls.keys()
    assert not {f"/jobs/{far}", f"/jobs/{done}", f"/jobs/{others}"} & urls.keys()
    assert packed(bench, cast.hr) == {}


def test_the_pages_change_with_the_visit(cast: Any, bench: Any) -> None:
    job, visit = bench.make_job(cast.tech)
    before = packed(bench, cast.tech)
    assert packed(bench, cast.tech) == before
    bench.send(cast.tech, "visit.set_out", ("visit", visit), {})
    after = packed(bench, cast.tech)
    assert after[f"/jobs/{job}"] != before[f"/jobs/{job}"]
    assert after["/jobs"] != before["/jobs"]
    leader = packed(bench, cast.leader)
    bench.send(cast.tech, "visit.arrive", ("visit", visit), {})
    assert packed(bench, cast.leader)["/jobs"] != leader["/jobs"]


def test_the_pack_is_read_once_a_request(cast: Any, bench: Any, queries: Any) -> None:
    bench.make_job(cast.tech)
    actor = bench.actor(cast.tech)
    with bench.app.test_request_context(), queries() as asked:
        assert pack_jobs(actor) == pack_jobs(actor)
        assert asked.count == 1


def test_check_finds_a_job_whose_state_does_not_follow(cast: Any, bench: Any) -> None:
    """D-JOB-11."""
    job, visit = bench.make_job(cast.tech)
    bench.send(cast.tech, "visit.set_out", ("visit", visit), {})
    with bench.app.app_context():
        assert list(faults()) == []
        with writing() as session:
            session.get(Job, job).state = "solved"
        assert len(list(faults())) == 1
        db.session.remove()


def test_job_numbers(cast: Any, bench: Any) -> None:
    """`W-YYMMDD-NN`, more digits on a busy day."""
    day = date(2026, 11, 23)
    assert number_of(day, 7) == "W-261123-07"
    with bench.app.app_context():
        with writing() as session:
            assert next_number(session, day) == "W-261123-01"
        job, _ = bench.make_job(cast.tech)
        with writing() as session:
            session.get(Job, job).number = "W-261123-99"
        other, _ = bench.make_job(cast.tech)
        with writing() as session:
            assert next_number(session, day) == "W-261123-100"
            session.get(Job, other).number = "W-261123-100"
        with writing() as session:
            assert next_number(session, day) == "W-261123-101"
        db.session.remove()


def test_everything_stored_has_a_word(bench: Any) -> None:
    with bench.app.test_request_context():
        assert PROGRESS_ORDER.keys() == all_words.VISIT_STATES.keys()
        assert set(TAPS) == all_words.TAPS.keys()
        assert {verb for _, verb in VISIT.moves} | {"cancel_job"} == all_words.EVENTS.keys()
        assert arrival_check(None, None, "offline", 1) in all_words.ARRIVALS
        filled = {"who": "a", "job": "b", "when": "c", "reason": "d", "fields": "e", "note": "f"}
        for sentence in NOTICES.values():
            assert "%" not in str(sentence) % filled


def test_attachments_of_a_visit_are_seen_by_those_who_see_the_job(cast: Any, bench: Any) -> None:
    job, visit = bench.make_job(cast.tech)
    for person, seen in ((cast.tech, True), (cast.leader, True), (cast.tech2, False), (cast.other_leader, False)):
        actor = bench.actor(person)
        with bench.app.app_context():
            assert can_view(actor, "visit", visit) is seen
            assert can_view(actor, "job", job) is seen
            assert can_view(actor, "visit", job) is False
            db.session.remove()


def test_other_features_work_through_the_workings(cast: Any, bench: Any) -> None:
    """A report of somebody who was taken off the visit neither moves it nor leaves a result (D-JOB-10)."""
    from fieldapp.field.jobs import mark_visit_reported
    from fieldapp.field.jobs.models import VisitEvent, VisitMember
    from fieldapp.kernel import ids
    from fieldapp.platform.commandbus import WEB, Context, parse, web_envelope

    _, visit_id = bench.make_job(cast.tech, state="working")
    actor = bench.actor(cast.tech)

    def reported(session: Any) -> bool:
        body = web_envelope(
            op=str(ids.uuid7()),
            user=cast.tech.id,
            kind="service_report.submit",
            schema=1,
            agg=("service_report", visit_id),
            data={},
            issued=clock.iso(clock.now()),
        )
        ctx = Context(actor, parse(body), clock.now(), WEB)
        return mark_visit_reported(ctx, session.get(Visit, visit_id), "solved")

    with bench.app.app_context():
        with writing() as session:
            session.get(VisitMember, (visit_id, cast.tech.id)).removed_at = clock.now()
            session.flush()
            assert reported(session) is False
            assert session.query(VisitEvent).one().late is True
        with writing() as session:
            visit = session.get(Visit, visit_id)
            assert (visit.state, visit.result) == ("working", None)
            session.get(VisitMember, (visit_id, cast.tech.id)).removed_at = None
            session.flush()
            assert reported(session) is True
        assert db.session.get(Visit, visit_id).state == "reported"
        db.session.remove()
