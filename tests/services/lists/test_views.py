"""Views of lists: saved, shared, checked on opening."""

from __future__ import annotations

from typing import Any

import pytest

from fieldapp.kernel import ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.services.lists.models import ListView


@pytest.fixture
def saved(send: Any) -> Any:
    """`saved(person, query, …)` → `(outcome, id)`."""

    def save(person: Any, query: str = "state=new&sort=urgent", **over: Any) -> tuple[Any, str]:
        record = str(ids.uuid7())
        data = {"id": record, "list": "jobs", "query": query, "name": "Urgent", "shared_with": "me", **over}
        return send(person, "list_view.save", ("list_view", record), data), record

    return save


def test_a_view_is_saved_from_its_page_and_opened(client_of: Any, cast: Any) -> None:
    client = client_of(cast.leader)
    client.get("/jobs")
    form = client.get("/lists/jobs/views/new?of=state%3Dnew%26sort%3Durgent").text
    assert 'value="state=new&amp;sort=urgent"' in form
    record = str(ids.uuid7())
    data = {"id": record, "list": "jobs", "query": "state=new&sort=urgent", "name": "Urgent", "shared_with": "me"}
    answer = client.post("/lists/jobs/views/new", data={"_op": str(ids.uuid7()), **data})
    assert answer.status_code == 303, answer.text
    assert "Urgent" in client.get("/lists/jobs/views").text
    opened = client.get(f"/lists/jobs/views/{record}")
    assert (opened.status_code, opened.location) == (303, "/jobs?state=new&sort=urgent")


def test_a_view_is_offered_to_its_owner_and_to_whom_it_is_shared_with(client_of: Any, cast: Any, saved: Any) -> None:
    _, own = saved(cast.leader)
    _, shared = saved(cast.manager, shared_with="role:manager", name="For managers")
    for person, seen in ((cast.leader, {own}), (cast.manager, {shared}), (cast.agent, set())):
        client = client_of(person)
        for view in (own, shared):
            assert (client.get(f"/lists/jobs/views/{view}").status_code == 303) is (view in seen)
            assert (view in client.get("/lists/jobs/views").text) is (view in seen)
    group = saved(cast.leader, shared_with=f"group:{cast.group}")[1]
    assert client_of(cast.leader).get(f"/lists/jobs/views/{group}").status_code == 303
    assert client_of(cast.other_leader).get(f"/lists/jobs/views/{group}").status_code == 404


@pytest.mark.parametrize("other", ["group:2", "role:admin", "everybody", "group:x"])
def test_a_view_is_shared_only_with_own_groups_and_roles(cast: Any, saved: Any, other: str) -> None:
    outcome, _ = saved(cast.leader, shared_with=other)
    assert (outcome.outcome, list(outcome.problems)) == ("rejected", ["shared_with"])


def test_what_the_list_does_not_know_is_refused_by_name(cast: Any, saved: Any) -> None:
    for query, name in (
        ("state=new&colour=red", "colour=red"),
        ("state=%27", "state='"),
        ("sort=price", "sort=price"),
        ("cols=salary", "cols=salary"),
        ("group=1", "group=1"),
    ):
        outcome, _ = saved(cast.leader, query)
        assert outcome.outcome == "rejected", query
        assert name in str(outcome.problems["query"])
    assert saved(cast.manager, "group=1")[0].outcome == "accepted"
    assert saved(cast.leader, list="salaries")[0].outcome == "rejected"


def test_unknown_filters_are_named_on_opening(client_of: Any, cast: Any, saved: Any, bench: Any) -> None:
    _, view = saved(cast.leader, "state=new")
    with bench.app.app_context():
        with writing() as session:
            session.get(ListView, view).filters = {"state": "new", "region": "north"}
        db.session.remove()
    page = client_of(cast.leader).get(f"/lists/jobs/views/{view}")
    assert page.status_code == 200
    assert "region=north" in page.text
    assert 'href="/jobs?state=new"' in page.text


def test_only_its_owner_renames_and_deletes_a_view(client_of: Any, cast: Any, saved: Any, send: Any) -> None:
    _, view = saved(cast.manager, shared_with="role:manager")
    agg = ("list_view", view)
    assert send(cast.leader, "list_view.rename", agg, {"name": "Mine"}).outcome == "rejected"
    assert send(cast.leader, "list_view.delete", agg, {}).outcome == "rejected"
    assert client_of(cast.leader).get(f"/lists/jobs/views/{view}/rename").status_code == 404
    assert send(cast.manager, "list_view.rename", agg, {"name": "Other"}).outcome == "accepted"
    assert "Other" in client_of(cast.manager).get("/lists/jobs/views").text
    assert send(cast.manager, "list_view.delete", agg, {}).outcome == "accepted"
    assert client_of(cast.manager).get(f"/lists/jobs/views/{view}").status_code == 404


def test_a_view_chooses_columns(client_of: Any, cast: Any, saved: Any, make_job: Any) -> None:
    make_job(cast.tech)
    _, view = saved(cast.leader, "cols=state,title")
    client = client_of(cast.leader)
    opened = client.get(f"/lists/jobs/views/{view}").location
    page = client.get(opened).text
    assert page.index(">State</th>") < page.index(">Job</th>")
    assert ">Technician</th>" not in page
    assert "Urgent" in page
