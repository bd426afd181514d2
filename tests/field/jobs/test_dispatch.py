"""`job.dispatch`: work reaches technicians only through the leader of the job's group (D-JOB-1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.field.jobs.models import Job, Visit, VisitMember
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db


@pytest.fixture
def order(cast: Any, make_job: Any) -> Any:
    """`order(**changes)` → `(agg, data)` of a dispatch of a job that was given back."""

    def _order(**changes: Any) -> tuple[tuple[str, str], dict[str, Any]]:
        job, _ = make_job(cast.tech, state="refused", **({"group": changes.pop("group")} if "group" in changes else {}))
        visit = str(ids.uuid7())
        start = clock.local(clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
        data = {
            "id": visit,
            "job_id": job,
            "technician_id": str(cast.tech2.id),
            "planned_start": start,
            "planned_minutes": "90",
        }
        return ("visit", visit), {**data, **changes}

    return _order


def test_the_leader_plans_a_visit(cast: Any, app: Any, send: Any, order: Any) -> None:
    agg, data = order(second_id=str(cast.tech.id))
    result = send(cast.leader, "job.dispatch", agg, data)
    assert result.outcome == "accepted"
    with app.app_context():
        visit = db.session.get_one(Visit, agg[1])
        assert (visit.state, visit.technician_id, visit.planned_minutes) == ("assigned", cast.tech2.id, 90)
        members = db.session.execute(
            select(VisitMember.user_id, VisitMember.in_charge).where(VisitMember.visit_id == visit.id)
        )
        assert dict(members.all()) == {cast.tech2.id: True, cast.tech.id: False}
        assert db.session.get_one(Job, visit.job_id).state == "planned"
        told = db.session.execute(select(Notice.user_id, Notice.kind)).all()
        assert sorted(told) == [(cast.tech.id, "visit.planned"), (cast.tech2.id, "visit.planned")]
        db.session.remove()


@pytest.mark.parametrize("who", ["tech", "other_leader", "manager", "agent", "admin"])
def test_nobody_else_plans(cast: Any, send: Any, order: Any, who: str) -> None:
    agg, data = order()
    assert send(getattr(cast, who), "job.dispatch", agg, data).outcome == "rejected"


def test_a_job_of_another_group_is_refused(cast: Any, send: Any, order: Any) -> None:
    agg, data = order(group=2)
    assert send(cast.leader, "job.dispatch", agg, data).outcome == "rejected"


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("technician_id", {"technician_id": "3"}),
        ("technician_id", {"technician_id": "4"}),
        ("technician_id", {"technician_id": "nobody"}),
        ("second_id", {"second_id": "2"}),
        ("second_id", {"second_id": "3"}),
        ("planned_start", {"planned_start": "2020-01-01T09:00"}),
        ("planned_start", {"planned_start": "tomorrow"}),
        ("planned_minutes", {"planned_minutes": "5"}),
        ("id", {"id": "00000000-0000-7000-8000-000000000000"}),
    ],
)
def test_bad_plans_name_the_field(cast: Any, send: Any, order: Any, field: str, change: dict[str, str]) -> None:
    """User 2 is tech2, already in charge; 3 is of another group; 4 is no technician."""
    agg, data = order(**change)
    result = send(cast.leader, "job.dispatch", agg, data)
    assert (result.outcome, list(result.problems)) == ("rejected", [field])


def test_the_same_visit_is_planned_once(cast: Any, send: Any, order: Any) -> None:
    agg, data = order()
    assert send(cast.leader, "job.dispatch", agg, data).outcome == "accepted"
    assert send(cast.leader, "job.dispatch", agg, data).outcome == "conflict"


def test_a_closed_job_takes_no_visit(cast: Any, app: Any, send: Any, order: Any) -> None:
    agg, data = order()
    with app.app_context(), writing() as session:
        session.get(Job, data["job_id"]).state = "closed"
    assert send(cast.leader, "job.dispatch", agg, data).outcome == "conflict"


def test_the_form_page(cast: Any, client_of: Any, order: Any) -> None:
    """The path without JavaScript: the page, a post with a mistake, a good post."""
    _, data = order()
    url = f"/jobs/{data['job_id']}/dispatch"
    client = client_of(cast.leader)
    page = client.get(url).get_data(as_text=True)
    assert "Tech2 Person" in page
    assert "Other_Tech Person" not in page
    assert 'data-op="job.dispatch"' in page
    bad = client.post(url, data={**data, "technician_id": ""})
    assert bad.status_code == 422
    good = client.post(url, data={**data, "_op": str(ids.uuid7()), "_issued": clock.iso(clock.now())})
    assert (good.status_code, good.headers["Location"]) == (303, f"/jobs/{data['job_id']}?sent=1")
    assert client_of(cast.tech).get(url).status_code == 403
    assert client_of(cast.other_leader).get(url).status_code == 404
    assert client_of(cast.manager).get(url).status_code == 403
