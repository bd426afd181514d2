"""Corrections and signatures: nothing overwrites what was signed (D-JOB-9, D-JOB-12, failure mode 66)."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import SQLAlchemyError

from fieldapp.field.reports import ReportPart
from fieldapp.field.reports.models import ReportVersion
from fieldapp.field.reports.queries.soundness import faults
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db
from fieldapp.services.approvals import case_for, history_of
from tests.field.reports.sheets import (
    OTHER_STROKES,
    STROKES,
    corrected,
    decide,
    only_report,
    plan,
    submit,
    versions,
    visit_of,
)
from tests.support.bench import Bench


def test_return_correct_accept(bench: Bench) -> None:
    _, visit = bench.make_job(state="working")
    submit(bench, bench.cast.tech, visit, parts=[{"name": "Feed", "qty": 1}])
    report = only_report(bench).id
    back = decide(bench, bench.cast.leader, "return", report, reason="Which feed?")
    assert back.outcome == "accepted", back.problems
    assert (only_report(bench).state, visit_of(bench, visit).state) == ("returned", "returned")
    with bench.app.app_context():
        told = db.session.query(Notice).filter_by(user_id=bench.cast.tech.id, kind="service_report.return").one()
        assert (told.url, told.params["reason"]) == (f"/reports/{report}/correct", "Which feed?")

    again = corrected(bench, bench.cast.tech, report, parts=[{"name": "Feed 3 m", "qty": 2}])
    assert (again.outcome, again.ver) == ("accepted", 2), again.problems
    assert (only_report(bench).state, visit_of(bench, visit).state) == ("submitted", "reported")
    with bench.app.app_context():
        assert [(one.name, one.qty) for one in db.session.query(ReportPart)] == [("Feed 3 m", 2)]

    yes = decide(bench, bench.cast.leader, "accept", report)
    assert yes.outcome == "accepted"
    assert (only_report(bench).state, visit_of(bench, visit).state) == ("accepted", "accepted_by_leader")
    with bench.app.app_context():
        assert [case.state for case, _ in history_of("service_report", report)] == ["returned", "approved"]
        assert list(faults()) == []


def test_both_versions_stay_whole_with_their_signatures(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit, fault="First")
    report = only_report(bench)
    decide(bench, bench.cast.leader, "return", report.id, reason="More")
    corrected(bench, bench.cast.tech, report.id, fault="Second")
    first, second = versions(bench)
    assert (first.content["fault"], second.content["fault"]) == ("First", "Second")
    assert (first.signature, second.signature) == (STROKES, OTHER_STROKES)
    assert first.content_hash == report.signed_hash
    assert second.content_hash == only_report(bench).signed_hash != first.content_hash
    assert only_report(bench).signature == OTHER_STROKES


def test_d_job_12_an_old_signature_does_not_sign_a_changed_report(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)
    report = only_report(bench).id
    result = corrected(bench, bench.cast.tech, report, fault="Something else", signature=STROKES)
    assert (result.outcome, list(result.problems)) == ("rejected", ["signature"])
    assert len(versions(bench)) == 1
    unsigned = corrected(bench, bench.cast.tech, report, signature=None)
    assert list(unsigned.problems) == ["signature"]
    gone = corrected(bench, bench.cast.tech, report, signature=None, no_signature_reason="The customer had left")
    assert gone.outcome == "accepted"
    assert (only_report(bench).signature, only_report(bench).signed_hash) == (None, None)
    assert versions(bench)[0].signature == STROKES


def test_the_report_asked_for_is_corrected_before_anybody_decided(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)
    report = only_report(bench).id
    assert corrected(bench, bench.cast.tech, report, **plan()).ver == 2
    with bench.app.app_context():
        assert [case.state for case, _ in history_of("service_report", report)] == ["withdrawn", "open"]
    assert visit_of(bench, visit).result == "another_visit"
    assert corrected(bench, bench.cast.tech, report, signature=[[1, 2, 3, 4]]).ver == 3
    assert visit_of(bench, visit).result == "solved"


def test_after_acceptance_nothing_is_corrected(bench: Bench) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)
    report = only_report(bench).id
    decide(bench, bench.cast.leader, "accept", report)
    result = corrected(bench, bench.cast.tech, report)
    assert (result.outcome, result.code) == ("conflict", "service_report.accepted")
    assert result.current == {"report": report, "state": "accepted", "version": 1}


@pytest.mark.parametrize("who", ["tech2", "other_tech", "leader", "manager"])
def test_only_the_author_corrects(bench: Bench, who: str) -> None:
    _, visit = bench.make_job(others=(bench.cast.tech2,))
    submit(bench, bench.cast.tech, visit)
    assert corrected(bench, getattr(bench.cast, who), only_report(bench).id).outcome == "rejected"
    assert len(versions(bench)) == 1


def test_photos_of_earlier_versions_stay_with_the_report(bench: Bench) -> None:
    _, visit = bench.make_job()
    (first, _), (second, _) = bench.photo(), bench.photo()
    submit(bench, bench.cast.tech, visit, envelope={"atts": [first]})
    report = only_report(bench).id
    data = {"result": "solved", "fault": "f", "work": "w", "signature": OTHER_STROKES}
    result = bench.send(bench.cast.tech, "service_report.resubmit", ("service_report", report), data, atts=[second])
    assert result.outcome == "accepted"
    assert versions(bench)[1].content["photos"] == [first["sha256"], second["sha256"]]


@pytest.mark.parametrize("change", ["update", "delete"])
def test_a_kept_version_can_be_neither_changed_nor_deleted(bench: Bench, change: str) -> None:
    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)

    def tamper() -> None:
        with bench.app.app_context(), writing() as session:
            version = session.query(ReportVersion).one()
            if change == "delete":
                session.delete(version)
            else:
                version.signature = OTHER_STROKES

    with pytest.raises((RuntimeError, SQLAlchemyError), match="kept as it was signed"):
        tamper()
    assert versions(bench)[0].signature == STROKES


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ('UPDATE report_version SET content = \'{"fault": "x"}\'', "is not what was signed"),
        ("UPDATE report_version SET version = 2", "lacks version 1"),
        ("UPDATE service_report SET signature = '[[9,9,9,9]]'", "carries another signature"),
    ],
)
def test_check_finds_what_was_tampered_with(bench: Bench, statement: str, fault: str) -> None:
    from sqlalchemy import text

    _, visit = bench.make_job()
    submit(bench, bench.cast.tech, visit)
    with bench.app.app_context():
        assert list(faults()) == []
        with writing() as session:
            session.execute(text(statement))
        assert any(fault in line for line in faults())


def test_the_case_of_a_leaders_own_report_goes_one_up(bench: Bench) -> None:
    _, visit = bench.make_job(technician=bench.cast.leader)
    assert submit(bench, bench.cast.leader, visit).outcome == "accepted"
    report = only_report(bench).id
    with bench.app.app_context():
        case = case_for("service_report", report)
        assert case is not None
        assert case.waiting_role == "manager"
    assert decide(bench, bench.cast.leader, "accept", report).outcome == "rejected"
    assert decide(bench, bench.cast.manager, "accept", report).outcome == "accepted"
