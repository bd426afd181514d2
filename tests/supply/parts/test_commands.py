"""Parts requests through the door: asking, deciding, correcting, taking back (D-PART-1 … D-PART-5, D-ROLE-1)."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from fieldapp.errors import Invalid
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import SYNC, Context, parse, writing
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db
from fieldapp.services.approvals.models import Case, Step
from fieldapp.supply.parts import request_from_plan
from fieldapp.supply.parts.models import PartsLine
from tests.supply.parts.conftest import day, request_data
from tests.support.bench import Bench, Cast

#: Phones whose references would begin with QK, J5 and MJ (static/src/engine/ids.ts).
DEVICES = (
    "0a1b2c3d-0000-4000-8000-000000000001",
    "3f2c9a10-7b1d-4e55-9c0e-5a6b7c8d9e0f",
    "ffffffff-ffff-4fff-bfff-ffffffffffff",
)


def row(app: Flask, statement: Any) -> Any:
    with app.app_context():
        found = db.session.execute(statement).all()
        db.session.remove()
        return found


def chain_of(app: Flask, record: str) -> list[str]:
    query = select(Step.role).join(Case, Case.id == Step.case_id).where(Case.subject_id == record)
    return [role for (role,) in row(app, query.order_by(Case.round, Step.position))]


def test_a_request_gets_its_number_total_and_case(app: Flask, cast: Cast, ask: Any, stored: Any, make_job: Any) -> None:
    job, _ = make_job()
    record, result = ask(cast.tech, job_id=job, reason=None)
    one = stored(record)
    assert (result.outcome, result.ref, result.ver) == ("accepted", one.number, 1)
    assert (one.total, one.state, one.goes_up, one.group_id) == (Decimal("170.00"), "submitted", False, cast.group)
    assert chain_of(app, record) == ["leader"]


def test_a_number_says_what_it_numbers_whatever_phone_it_came_from(cast: Cast, ask: Any) -> None:
    """A phone's own reference may begin with the letters of anything, such as SN."""
    found = {ask(cast.tech, {"dev": dev, "seq": 42})[1].ref for dev in DEVICES}
    assert len(found) == len(DEVICES)
    assert all(re.fullmatch(r"PR-\d{6}-[2-9A-HJ-NP-Z]{4}", ref) for ref in found)


def test_catalogue_prices_hold_unless_another_was_typed(
    app: Flask, cast: Cast, ask: Any, stored: Any, catalogue: dict[str, str]
) -> None:
    ant = catalogue["ANT-02"]
    lines = [{"part_id": ant, "qty": "3"}, {"part_id": ant, "qty": "1", "unit_price": "60.00", "name": "Other words"}]
    record, result = ask(cast.tech, lines=lines)
    assert result.outcome == "accepted", result.problems
    assert stored(record).total == Decimal("246.00")
    query = select(PartsLine.name, PartsLine.unit_price, PartsLine.unit).where(PartsLine.request_id == record)
    assert [tuple(one) for one in row(app, query.order_by(PartsLine.position))] == [
        ("Antenna", Decimal("62.00"), "piece"),
        ("Antenna", Decimal("60.00"), "piece"),
    ]


@pytest.mark.parametrize(("number", "steps"), [("CAM-01", 1), ("TERM-01", 3)])
def test_the_chain_follows_from_the_catalogue(
    app: Flask, cast: Cast, ask: Any, catalogue: dict[str, str], number: str, steps: int
) -> None:
    record, _ = ask(cast.tech, lines=[{"part_id": catalogue[number], "qty": "9"}])
    assert chain_of(app, record) == ["leader", "purchasing", "executive"][:steps]


def test_a_low_estimate_does_not_shorten_the_chain(
    app: Flask, cast: Cast, ask: Any, stored: Any, catalogue: dict[str, str]
) -> None:
    record, _ = ask(cast.tech, lines=[{"part_id": catalogue["TERM-01"], "qty": "1", "unit_price": "1.00"}])
    assert chain_of(app, record) == ["leader", "purchasing", "executive"]
    assert (stored(record).goes_up, stored(record).total) == (True, Decimal("1.00"))


def test_the_whole_chain(app: Flask, cast: Cast, ask: Any, decide: Any, stored: Any) -> None:
    record, _ = ask(cast.tech, lines=[{"name": "Mainboard", "qty": "1", "unit_price": "620.00"}])
    for early in (cast.purchasing, cast.executive, cast.manager, cast.other_leader, cast.finance, cast.admin):
        assert decide(early, "approve", record).outcome == "rejected"
    for person, state in (
        (cast.leader, "approved_by_leader"),
        (cast.purchasing, "approved_by_purchasing"),
        (cast.executive, "approved_by_executive"),
    ):
        assert decide(person, "approve", record).outcome == "accepted"
        assert stored(record).state == state
    assert stored(record).ver == 4
    assert decide(cast.executive, "approve", record).outcome == "conflict"
    kinds = [
        kind for (kind,) in row(app, select(Notice.kind).where(Notice.user_id == cast.tech.id).order_by(Notice.id))
    ]
    assert kinds == ["parts_request.passed", "parts_request.passed", "parts_request.approve"]


def test_nobody_approves_their_own_request(app: Flask, cast: Cast, ask: Any, decide: Any, stored: Any) -> None:
    record, result = ask(cast.leader)
    assert result.outcome == "accepted", result.problems
    assert chain_of(app, record) == ["manager"]
    assert decide(cast.leader, "approve", record).outcome == "rejected"
    assert decide(cast.other_leader, "approve", record).outcome == "rejected"
    assert decide(cast.manager, "approve", record).outcome == "accepted"
    assert stored(record).state == "approved_by_leader"


def test_another_groups_leader_decides_nothing(cast: Cast, ask: Any, decide: Any, stored: Any) -> None:
    record, _ = ask(cast.tech)
    for verb in ("approve", "return", "reject"):
        assert decide(cast.other_leader, verb, record, "No.").outcome == "rejected"
    assert stored(record).state == "submitted"


def test_refusing_needs_a_reason_and_reaches_the_author(
    app: Flask, cast: Cast, ask: Any, decide: Any, stored: Any
) -> None:
    record, _ = ask(cast.tech)
    assert "reason" in decide(cast.leader, "reject", record).problems
    assert decide(cast.leader, "reject", record, "In the store.").outcome == "accepted"
    assert stored(record).state == "rejected"
    params = row(app, select(Notice.kind, Notice.params).where(Notice.user_id == cast.tech.id))
    assert params[0][0] == "parts_request.reject"
    assert params[0][1]["reason"] == "In the store."


def correction(**over: Any) -> dict[str, Any]:
    return request_data("", **{"id": None, **over})


def test_returned_corrected_and_decided_anew(
    app: Flask, bench: Bench, cast: Cast, ask: Any, decide: Any, stored: Any
) -> None:
    record, _ = ask(cast.tech, lines=[{"name": "Mainboard", "qty": "1", "unit_price": "620.00"}])
    agg = ("parts_request", record)
    assert bench.send(cast.tech, "parts_request.resubmit", agg, correction()).outcome == "conflict"
    assert decide(cast.leader, "approve", record).outcome == "accepted"
    assert decide(cast.purchasing, "return", record, "Repair it.").outcome == "accepted"
    assert stored(record).state == "returned_for_correction"
    assert bench.send(cast.tech2, "parts_request.resubmit", agg, correction()).outcome == "rejected"
    result = bench.send(cast.tech, "parts_request.resubmit", agg, correction())
    assert result.outcome == "accepted", result.problems
    one = stored(record)
    assert (one.state, one.goes_up, one.total, one.ver) == ("submitted", False, Decimal("170.00"), 4)
    assert row(app, select(func.count()).where(PartsLine.request_id == record))[0][0] == 1
    assert chain_of(app, record) == ["leader", "purchasing", "executive", "leader"]
    assert decide(cast.leader, "approve", record).outcome == "accepted"
    assert stored(record).state == "approved_by_leader"


def test_a_correction_that_costs_more_goes_up(
    app: Flask, bench: Bench, cast: Cast, ask: Any, decide: Any, stored: Any, catalogue: dict[str, str]
) -> None:
    record, _ = ask(cast.tech)
    assert decide(cast.leader, "return", record, "Which one?").outcome == "accepted"
    lines = [{"part_id": catalogue["TERM-01"], "qty": "1", "unit_price": "1.00"}]
    sent = bench.send(cast.tech, "parts_request.resubmit", ("parts_request", record), correction(lines=lines))
    assert sent.outcome == "accepted", sent.problems
    assert chain_of(app, record) == ["leader", "leader", "purchasing", "executive"]
    assert stored(record).goes_up


def test_the_limit_is_that_of_the_day_of_writing(app: Flask, bench: Bench, cast: Cast, ask: Any) -> None:
    change = {"id": str(ids.uuid7()), "key": "parts.leader_limit", "value": "100.00", "valid_from": day(-1)}
    lines = [{"name": "Probe", "qty": "1", "unit_price": "200.00"}]
    at = {"utc": clock.iso(clock.now() - timedelta(days=2)), "tz": "UTC", "offset_ms": 0, "offset_age_s": 5}
    with clock.standing_at(clock.now() - timedelta(days=3)):
        data = {**change, "reason": "Less money."}
        sent = bench.send(cast.admin, "setting.change", ("setting", change["id"]), data, schema=2)
    assert sent.outcome == "accepted", sent.problems
    written_before, _ = ask(cast.tech, {"at": at}, lines=lines)
    written_now, _ = ask(cast.tech, lines=lines)
    assert chain_of(app, written_before) == ["leader"]
    assert chain_of(app, written_now) == ["leader", "purchasing", "executive"]


def test_withdrawn_while_nobody_acted(app: Flask, cast: Cast, ask: Any, decide: Any, stored: Any) -> None:
    record, _ = ask(cast.tech)
    assert decide(cast.tech2, "withdraw", record).outcome == "rejected"
    assert decide(cast.tech, "withdraw", record).outcome == "accepted"
    assert stored(record).state == "withdrawn"
    late = decide(cast.leader, "approve", record)
    assert (late.outcome, late.current) == ("conflict", {"state": "withdrawn", "taken": True})
    assert decide(cast.tech, "withdraw", record).outcome == "conflict"


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_whoever_acted_first_stands(cast: Cast, ask: Any, decide: Any, stored: Any, verb: str) -> None:
    record, _ = ask(cast.tech)
    assert decide(cast.leader, verb, record, "Fine.").outcome == "accepted"
    late = decide(cast.tech, "withdraw", record)
    assert (late.outcome, late.current) == ("conflict", {"state": stored(record).state})


def test_acted_on_is_also_the_first_of_three(cast: Cast, ask: Any, decide: Any) -> None:
    record, _ = ask(cast.tech, lines=[{"name": "Mainboard", "qty": "1", "unit_price": "500.00"}])
    assert decide(cast.leader, "approve", record).outcome == "accepted"
    assert decide(cast.tech, "withdraw", record).outcome == "conflict"


def test_only_for_jobs_one_works_on_or_leads(cast: Cast, ask: Any, make_job: Any) -> None:
    job, _ = make_job()
    assert ask(cast.tech, job_id=job)[1].outcome == "accepted"
    assert ask(cast.leader, job_id=job)[1].outcome == "accepted"
    for stranger in (cast.tech2, cast.other_tech, cast.other_leader, cast.finance, cast.executive):
        assert ask(stranger, job_id=job)[1].outcome == "rejected"
    assert "job_id" in ask(cast.tech, job_id=str(ids.uuid7()))[1].problems


def test_the_same_record_twice_is_a_conflict(bench: Bench, cast: Cast, ask: Any) -> None:
    record, _ = ask(cast.tech)
    again = bench.send(cast.tech, "parts_request.submit", ("parts_request", record), request_data(record))
    assert again.outcome == "conflict"
    assert again.code == "record.exists"


def test_a_day_is_judged_by_the_authors_clock(cast: Cast, ask: Any) -> None:
    """Written without signal three days ago for yesterday: it was no mistake when it was written."""
    at = {"utc": clock.iso(clock.now() - timedelta(days=3)), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 5}
    assert ask(cast.tech, {"at": at}, wanted_on=day(-1))[1].outcome == "accepted"
    assert "wanted_on" in ask(cast.tech, wanted_on=day(-1))[1].problems


LONG = "\u6587" * 10_000
MARKUP = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("field", "over"),
    [
        ("id", {"id": "x"}),
        ("id", {"id": "01890000-0000-7000-8000-000000000000"}),
        ("job_id", {"job_id": "x"}),
        ("job_id", {"job_id": 7}),
        ("urgency", {"urgency": None}),
        ("urgency", {"urgency": MARKUP}),
        ("wanted_on", {"wanted_on": None}),
        ("wanted_on", {"wanted_on": "yesterday"}),
        ("wanted_on", {"wanted_on": "2020-01-01"}),
        ("wanted_on", {"wanted_on": "9999-01-01"}),
        ("reason", {"reason": LONG}),
        ("reason", {"reason": None}),
        ("reason", {"reason": ["a"]}),
        ("lines.0.part_id", {"lines": None}),
        ("lines.0", {"lines": ["x"]}),
        ("lines", {"lines": "x"}),
        ("lines", {"lines": []}),
        ("lines", {"lines": [{"name": "Fuse", "qty": "1", "unit_price": "1.00"}] * 21}),
        ("total", {"total": "1.00"}),
        ("state", {"state": "approved_by_leader"}),
    ],
)
def test_every_bad_field_is_named(cast: Cast, ask: Any, field: str, over: dict[str, Any]) -> None:
    _, result = ask(cast.tech, **over)
    assert result.outcome == "rejected"
    assert field in result.problems


@pytest.mark.parametrize(
    ("field", "over"),
    [
        ("part_id", {"name": None}),
        ("part_id", {"part_id": "x"}),
        ("part_id", {"part_id": "01890000-0000-7000-8000-000000000000"}),
        ("name", {"name": "", "part_id": "00000000-0000-0000-0000-000000000000"}),
        ("name", {"name": LONG}),
        ("name", {"name": "a\x01b"}),
        ("qty", {"qty": None}),
        ("qty", {"qty": "0"}),
        ("qty", {"qty": "-1"}),
        ("qty", {"qty": "1000"}),
        ("qty", {"qty": "1.5"}),
        ("qty", {"qty": True}),
        ("unit_price", {"unit_price": None}),
        ("unit_price", {"unit_price": "0"}),
        ("unit_price", {"unit_price": "-5.00"}),
        ("unit_price", {"unit_price": "1.005"}),
        ("unit_price", {"unit_price": "NaN"}),
        ("unit_price", {"unit_price": "10000000"}),
        ("note", {"note": LONG}),
        ("price", {"price": "1.00"}),
    ],
)
def test_every_bad_field_of_a_line_is_named(cast: Cast, ask: Any, field: str, over: dict[str, Any]) -> None:
    good = {"name": "Probe", "qty": "2", "unit_price": "85.00"}
    bad = {key: value for key, value in {**good, **over}.items() if value is not None}
    _, result = ask(cast.tech, lines=[good, bad])
    assert result.outcome == "rejected"
    assert f"lines.1.{field}" in result.problems


def test_a_part_that_left_the_catalogue(app: Flask, cast: Cast, ask: Any, catalogue: dict[str, str]) -> None:
    from fieldapp.supply.parts.models import Part

    with app.app_context():
        with writing() as session:
            session.get_one(Part, catalogue["ANT-02"]).active = False
        db.session.remove()
    _, result = ask(cast.tech, lines=[{"part_id": catalogue["ANT-02"], "qty": "1"}])
    assert "lines.0.part_id" in result.problems


def test_photos_up_to_five(bench: Bench, cast: Cast, ask: Any) -> None:
    assert ask(cast.tech, {"atts": [bench.photo()[0] for _ in range(5)]})[1].outcome == "accepted"
    assert "photos.photo" in ask(cast.tech, {"atts": [bench.photo()[0] for _ in range(6)]})[1].problems
    assert "photos.receipt" in ask(cast.tech, {"atts": [bench.photo("receipt")[0]]})[1].problems


def test_what_people_type_is_kept_as_it_is(cast: Cast, ask: Any, stored: Any) -> None:
    record, result = ask(cast.tech, reason=MARKUP)
    assert result.outcome == "accepted"
    assert stored(record).reason == MARKUP


# -- from an accepted plan -------------------------------------------------------------------------------------


def planned(bench: Bench, job: str, lines: list[dict[str, Any]]) -> str:
    """As the leader's acceptance does it: inside that command's transaction."""
    cast = bench.cast
    actor = bench.actor(cast.leader)
    body = bench.envelope(cast.leader, "service_report.accept", ("service_report", str(ids.uuid7())), {})
    with bench.app.test_request_context():
        with writing() as session:
            ctx = Context(actor, parse(body), clock.now(), SYNC)
            request = request_from_plan(
                ctx,
                job_id=job,
                requester_id=cast.tech.id,
                lines=lines,
                wanted_on=clock.today() + timedelta(days=1),
                reason="Second visit",
            )
            session.add_all(ctx.notices)
            record = request.id
        db.session.remove()
    return record


def test_a_plan_becomes_a_request(
    app: Flask, bench: Bench, cast: Cast, stored: Any, make_job: Any, catalogue: Any
) -> None:
    job, _ = make_job()
    lines = [{"part_id": catalogue["TERM-01"], "qty": 1}, {"name": "Cable", "qty": 2, "unit_price": Decimal("12.50")}]
    record = planned(bench, job, lines)
    one = stored(record)
    assert (one.origin, one.requester_id, one.group_id) == ("next_visit_plan", cast.tech.id, cast.group)
    assert (one.total, one.state, one.goes_up) == (Decimal("525.00"), "submitted", True)
    assert one.number.startswith("PR-")
    assert chain_of(app, record) == ["leader", "purchasing", "executive"]
    assert row(app, select(Notice.kind).where(Notice.user_id == cast.tech.id))[0][0] == "parts_request.planned"


def test_a_plan_without_a_price_is_refused(bench: Bench, make_job: Any) -> None:
    job, _ = make_job()
    with pytest.raises(Invalid) as caught:
        planned(bench, job, [{"name": "Cable", "qty": 2, "unit_price": None}])
    assert "lines.0.unit_price" in caught.value.problems
