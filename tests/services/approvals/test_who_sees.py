"""The form of a decision is a page of its own: only for those whose case it is, also when it is closed (D-ROLE-1)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import Membership
from tests.support.bench import Bench


def request(bench: Bench, price: str = "5.00") -> str:
    """A parts request of group one."""
    one, (job, _) = str(ids.uuid7()), bench.make_job()
    lines = [{"name": "Probe", "qty": "1", "unit_price": price}]
    data = {"id": one, "job_id": job, "urgency": "normal", "wanted_on": day(), "reason": "broken", "lines": lines}
    result = bench.send(bench.cast.tech, "parts_request.submit", ("parts_request", one), data)
    assert result.outcome == "accepted", result.problems
    return one


def day() -> str:
    return clock.today().isoformat()


def pages(record: str) -> list[str]:
    return [f"/inbox/parts_request/{record}/{verb}" for verb in ("approve", "return", "reject")]


def status(bench: Bench, who: str, record: str) -> set[int]:
    client = bench.client_of(getattr(bench.cast, who))
    return {client.get(page).status_code for page in pages(record)}


OTHERS = [
    "tech2",
    "other_tech",
    "other_leader",
    "finance",
    "agent",
    "hr",
    "quality",
    "admin",
    "purchasing",
    "executive",
]


@pytest.mark.parametrize("closed", [False, True])
def test_a_case_of_another_group_is_not_there(bench: Bench, closed: bool) -> None:
    record = request(bench)
    if closed:
        agg = ("parts_request", record)
        result = bench.send(bench.cast.leader, "parts_request.approve", agg, {})
        assert result.outcome == "accepted"
    assert status(bench, "leader", record) == {200}
    for who in OTHERS:
        assert status(bench, who, record) == {404}, who
    assert status(bench, "tech", record) == {403}


def test_who_decides_a_later_step_knows_of_it_and_waits_for_their_turn(bench: Bench) -> None:
    record = request(bench, "700.00")
    assert (status(bench, "leader", record), status(bench, "purchasing", record)) == ({200}, {403})
    bench.send(bench.cast.leader, "parts_request.approve", ("parts_request", record), {})
    assert (status(bench, "leader", record), status(bench, "purchasing", record)) == ({403}, {200})
    assert status(bench, "other_leader", record) == {404}


def test_who_decided_still_sees_the_case_after_leaving_the_group(bench: Bench) -> None:
    record = request(bench)
    bench.send(bench.cast.leader, "parts_request.approve", ("parts_request", record), {})
    leads = update(Membership).where(Membership.user_id == bench.cast.leader.id)
    with bench.app.app_context():
        with writing() as session:
            session.execute(leads.values(group_id=bench.cast.other_group))
        db.session.remove()
    assert (status(bench, "leader", record), status(bench, "other_leader", record)) == ({200}, {404})


def test_a_post_of_another_group_is_not_there_either(bench: Bench) -> None:
    record = request(bench)
    client: Any = bench.client_of(bench.cast.other_leader)
    assert {client.post(page, data={"reason": "x"}).status_code for page in pages(record)} == {404}
