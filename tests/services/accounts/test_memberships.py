"""Memberships hold from a day to a day; questions name the day (ADR 40, D-GROUP-1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import actor_at, leaders_of, roles_on, technicians_of
from fieldapp.services.accounts.journal import key_of
from fieldapp.services.accounts.models import Membership
from fieldapp.services.accounts.overlaps import overlapping_memberships
from fieldapp.services.approvals import cases_of
from tests.field.reports.sheets import sheet
from tests.money.expenses.conftest import item_data
from tests.support.bench import LONG_AGO, Bench, Person


def today() -> date:
    return clock.today()


def midnight(day: date) -> datetime:
    return clock.day_bounds(day)[0]


def written(moment: datetime) -> dict[str, Any]:
    return {"utc": clock.iso(moment), "tz": "Asia/Shanghai", "offset_ms": 0, "offset_age_s": 5}


def hold(bench: Bench, who: Person, role: str, group: int | None, since: date, until: date | None = None) -> None:
    with bench.app.app_context(), writing() as session:
        session.add(Membership(user_id=who.id, role=role, group_id=group, from_on=since, until_on=until))


def leave(bench: Bench, who: Person, until: date) -> None:
    """End everything a person holds; `until` is the first day outside."""
    with bench.app.app_context(), writing() as session:
        session.execute(update(Membership).where(Membership.user_id == who.id).values(until_on=until))


def move(bench: Bench, who: Person, group: int, on: date) -> None:
    leave(bench, who, on)
    hold(bench, who, "technician", group, on)


def capture(bench: Bench, who: Person, at: datetime) -> str:
    item = str(ids.uuid7())
    day = clock.local(at).date().isoformat()
    data = item_data(item, spent_on=day)
    assert bench.send(who, "expense_item.capture", ("expense_item", item), data, at=written(at)).outcome == "accepted"
    return item


def group_of(bench: Bench, item: str) -> int | None:
    with bench.app.app_context():
        group = db.session.scalar(select(ExpenseItem.group_id).where(ExpenseItem.id == item))
        db.session.remove()
        return group


def test_record_written_before_a_move_belongs_to_the_old_group(bench: Bench) -> None:
    tech, moved_on = bench.cast.tech, today() - timedelta(days=1)
    move(bench, tech, bench.cast.other_group, moved_on)
    before = capture(bench, tech, midnight(moved_on) - timedelta(milliseconds=1))
    after = capture(bench, tech, midnight(moved_on))
    assert (group_of(bench, before), group_of(bench, after)) == (bench.cast.group, bench.cast.other_group)


def test_claim_written_before_a_move_is_decided_by_the_old_leader(bench: Bench) -> None:
    tech, record, moved_on = bench.cast.tech, str(ids.uuid7()), today()
    at = midnight(moved_on) - timedelta(minutes=5)
    item = capture(bench, tech, at)
    move(bench, tech, bench.cast.other_group, moved_on)
    data = {"id": record, "items": [item]}
    sent = bench.send(tech, "expense_claim.submit", ("expense_claim", record), data, at=written(at))
    assert sent.outcome == "accepted"
    with bench.app.app_context():
        assert cases_of("expense_claim", [record])[record].group_id == bench.cast.group
        assert db.session.scalar(select(ExpenseClaim.group_id)) == bench.cast.group
        db.session.remove()


def test_job_reported_after_a_move_stays_the_old_groups(bench: Bench) -> None:
    tech = bench.cast.tech
    _, visit = bench.make_job(state="working")
    move(bench, tech, bench.cast.other_group, today())
    data = sheet(visit)
    assert bench.send(tech, "service_report.submit", ("service_report", data["id"]), data).outcome == "accepted"
    with bench.app.app_context():
        assert cases_of("service_report", [data["id"]])[data["id"]].group_id == bench.cast.group
        db.session.remove()


def test_leader_from_tomorrow_sees_nothing_until_midnight_without_signing_in_again(bench: Bench) -> None:
    new, tomorrow = bench.cast.tech2, today() + timedelta(days=1)
    item, record = str(ids.uuid7()), str(ids.uuid7())
    bench.send(bench.cast.tech, "expense_item.capture", ("expense_item", item), item_data(item))
    bench.send(bench.cast.tech, "expense_claim.submit", ("expense_claim", record), {"id": record, "items": [item]})
    hold(bench, new, "leader", bench.cast.group, tomorrow)
    client = bench.client_of(new)
    with clock.standing_at(midnight(tomorrow) - timedelta(seconds=1)):
        assert f"case-{record}" not in client.get("/inbox").text
        assert client.get(f"/inbox/expense_claim/{record}/approve").status_code == 404
        seen = client.get("/inbox")
    with clock.standing_at(midnight(tomorrow)):
        again = client.get("/inbox", headers={"If-None-Match": seen.headers.get("ETag", "")})
        assert again.status_code == 200
        assert f"case-{record}" in again.text
        assert client.get(f"/inbox/expense_claim/{record}/approve").status_code == 200


def test_role_ends_at_midnight_of_the_first_day_outside(bench: Bench) -> None:
    leave(bench, bench.cast.leader, today() + timedelta(days=1))
    client = bench.client_of(bench.cast.leader)
    with clock.standing_at(midnight(today() + timedelta(days=1)) - timedelta(seconds=1)):
        assert client.get("/jobs?scope=group").status_code == 200
    with clock.standing_at(midnight(today() + timedelta(days=1))):
        assert client.get("/jobs?scope=group").status_code == 403


def test_record_written_before_leaving_is_taken_in_as_a_former_members(bench: Bench) -> None:
    tech, left = bench.cast.tech, today() - timedelta(days=2)
    leave(bench, tech, left)
    item = capture(bench, tech, midnight(left) - timedelta(hours=2))
    assert group_of(bench, item) == bench.cast.group
    late = str(ids.uuid7())
    refused = bench.send(
        tech, "expense_item.capture", ("expense_item", late), item_data(late), at=written(midnight(left))
    )
    assert (refused.outcome, refused.code) == ("rejected", "command.not_allowed")


def test_former_leader_decides_only_what_was_decided_before_the_last_midnight(bench: Bench) -> None:
    cast, changed = bench.cast, today()
    leave(bench, cast.leader, changed)
    hold(bench, cast.tech2, "leader", cast.group, changed)
    records = []
    for _ in range(2):
        item, record = str(ids.uuid7()), str(ids.uuid7())
        with clock.standing_at(midnight(changed) - timedelta(hours=1)):
            bench.send(cast.tech, "expense_item.capture", ("expense_item", item), item_data(item))
            data = {"id": record, "items": [item]}
            bench.send(cast.tech, "expense_claim.submit", ("expense_claim", record), data)
        records.append(record)
    base = {"ver": 1, "fields": {"round": 1, "step": 0}}
    approve = partial(bench.send, cast.leader, "expense_claim.approve", base=base)
    at_once = written(midnight(changed) - timedelta(minutes=10))
    # A phone that never said hello could name any moment: what its author holds now counts.
    assert approve(("expense_claim", records[0]), {}, at=at_once).outcome == "rejected"
    bench.know_phone(cast.leader)
    early, late = midnight(changed) - timedelta(minutes=10), midnight(changed)
    outcomes = [
        approve(("expense_claim", record), {}, at=written(at)).outcome
        for record, at in zip(records, (early, late), strict=True)
    ]
    assert outcomes == ["accepted", "rejected"]


def test_planning_is_judged_by_the_roles_of_its_arrival(bench: Bench) -> None:
    """A command that neither reports own work nor decides cannot be dated back into a role that ended."""
    job, _ = bench.make_job()
    leave(bench, bench.cast.leader, today())
    at = written(midnight(today()) - timedelta(hours=1))
    result = bench.send(bench.cast.leader, "job.cancel", ("job", job), {"reason": "gone"}, at=at)
    assert (result.outcome, result.code) == ("rejected", "command.not_allowed")


def test_questions_about_members_answer_for_the_day_that_is_asked(bench: Bench) -> None:
    cast, moved_on = bench.cast, today() + timedelta(days=3)
    move(bench, cast.tech, cast.other_group, moved_on)
    hold(bench, cast.tech2, "leader", cast.group, moved_on)
    before = moved_on - timedelta(days=1)
    with bench.app.app_context():
        technicians = [{user for user, _ in technicians_of([cast.group], on=day)} for day in (before, moved_on)]
        leaders = [leaders_of(cast.group, on=day) for day in (LONG_AGO - timedelta(days=1), before, moved_on)]
        roles = [roles_on(cast.tech2.id, on=day) for day in (before, moved_on)]
        groups = [actor_at(cast.tech.id, midnight(day)).groups for day in (before, moved_on)]
        db.session.remove()
    assert technicians == [{cast.tech.id, cast.tech2.id}, {cast.tech2.id}]
    assert leaders == [[], [cast.leader.id], [cast.leader.id, cast.tech2.id]]
    assert roles == [{"technician"}, {"technician", "leader"}]
    assert groups == [{cast.group}, {cast.other_group}]


# -- commands and pages ------------------------------------------------------------------------------------------


def account(who: Person) -> tuple[str, str]:
    return ("user", key_of(who.id))


def post(role: str, group: int | None, since: date, until: date | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {"post": role, "from_on": since.isoformat(), "reason": "As agreed"}
    data |= {"group_id": str(group)} if group else {}
    return data | ({"until_on": until.isoformat()} if until else {})


def rows_of(bench: Bench, who: Person) -> list[tuple[Any, ...]]:
    columns = (Membership.role, Membership.kind, Membership.group_id, Membership.from_on, Membership.until_on)
    with bench.app.app_context():
        query = select(*columns).where(Membership.user_id == who.id).order_by(Membership.id)
        rows = [tuple(row) for row in db.session.execute(query)]
        db.session.remove()
    return rows


def test_two_administrators_who_enter_overlapping_memberships_at_once_get_one_refusal(bench: Bench) -> None:
    cast = bench.cast
    hold(bench, cast.hr, "admin", None, LONG_AGO)
    leave(bench, cast.tech, today())
    for _ in range(5):
        barrier = Barrier(2)

        def enter(by: Person, group: int, gate: Barrier = barrier) -> str:
            gate.wait()
            return bench.send(by, "membership.begin", account(cast.tech), post("technician", group, today())).outcome

        with ThreadPoolExecutor(2) as pool:
            answers = [pool.submit(enter, by, group) for by, group in ((cast.admin, 1), (cast.hr, 2))]
            assert sorted(answer.result() for answer in answers) == ["accepted", "rejected"]
        with bench.app.app_context(), writing() as session:
            assert list(overlapping_memberships()) == []
            session.execute(delete(Membership).where(Membership.user_id == cast.tech.id))


@pytest.mark.parametrize(
    ("role", "group", "since", "until", "field"),
    [
        ("technician", 2, 5, None, "from_on"),
        ("technician", None, 5, None, "group_id"),
        ("finance", 1, 5, None, "group_id"),
        ("leader", 77, 5, None, "group_id"),
        ("leader", 1, -1, None, "from_on"),
        ("leader", 1, 5, 5, "until_on"),
        ("nothing", None, 5, None, "post"),
    ],
)
def test_role_that_cannot_be_given_is_refused_at_its_field(
    bench: Bench, role: str, group: int | None, since: int, until: int | None, field: str
) -> None:
    begins = today() + timedelta(days=since)
    data = post(role, group, begins, None if until is None else today() + timedelta(days=until))
    result = bench.send(bench.cast.admin, "membership.begin", account(bench.cast.tech), data)
    assert (result.outcome, list(result.problems)) == ("rejected", [field])
    assert len(rows_of(bench, bench.cast.tech)) == 1


def test_change_ends_the_old_role_on_the_day_the_new_one_begins(bench: Bench) -> None:
    cast, moved_on = bench.cast, today() + timedelta(days=4)
    data = {"membership_id": "1", **post("technician", cast.other_group, moved_on)}
    assert bench.send(cast.admin, "membership.change", account(cast.tech), data).outcome == "accepted"
    assert rows_of(bench, cast.tech) == [
        ("technician", "member", 1, LONG_AGO, moved_on),
        ("technician", "member", 2, moved_on, None),
    ]


def test_end_is_entered_moved_and_taken_back_and_a_coming_role_is_withdrawn(bench: Bench) -> None:
    cast, soon = bench.cast, today() + timedelta(days=9)
    for until in (soon, soon + timedelta(days=1), None):
        data = {"membership_id": "1", "reason": "x"} | ({"until_on": until.isoformat()} if until else {})
        assert bench.send(cast.admin, "membership.end", account(cast.tech), data).outcome == "accepted"
        assert rows_of(bench, cast.tech)[0][4] == until
    bench.send(cast.admin, "membership.begin", account(cast.tech), post("vice_leader", 1, soon))
    data = {"membership_id": "14", "reason": "x", "until_on": today().isoformat()}
    assert bench.send(cast.admin, "membership.end", account(cast.tech), data).outcome == "accepted"
    assert rows_of(bench, cast.tech)[1] == ("leader", "vice", 1, soon, soon)
    again = bench.send(cast.admin, "membership.end", account(cast.tech), data)
    assert (again.outcome, again.code) == ("conflict", "membership.over")


def test_roles_are_changed_by_administrators_and_not_their_own(bench: Bench) -> None:
    cast, data = bench.cast, post("finance", None, today())
    for who, whose in ((cast.manager, cast.tech), (cast.leader, cast.tech), (cast.admin, cast.admin)):
        assert bench.send(who, "membership.begin", account(whose), data).outcome == "rejected"
    assert bench.send(cast.admin, "membership.begin", account(cast.tech), data).outcome == "accepted"


def test_vice_leader_decides_for_the_group_and_is_named_as_such(bench: Bench) -> None:
    cast = bench.cast
    bench.send(cast.admin, "membership.begin", account(cast.tech2), post("vice_leader", 1, today()))
    assert bench.actor(cast.tech2).leads == {1}
    page = bench.client_of(cast.manager).get("/groups/1").text
    assert page.index(cast.leader.name) < page.index(cast.tech2.name) < page.index("Members today")
    assert "Vice leader" in page


def test_person_page_shows_past_present_and_coming_roles_and_points_out_double_ones(bench: Bench) -> None:
    cast, soon = bench.cast, today() + timedelta(days=9)
    client = bench.client_of(cast.admin)
    assert "could pay what it decided itself" not in client.get(f"/people/{cast.tech.id}").text
    form = {"_op": str(ids.uuid7()), **post("finance", None, soon)}
    assert client.post(f"/people/{cast.tech.id}/roles/new", data=form).status_code == 303
    hold(bench, cast.tech, "agent", None, LONG_AGO, today())
    page = client.get(f"/people/{cast.tech.id}").text
    coming = page.index("Coming")
    assert page.index("Technician") < coming < page.index(">Finance<", coming) < page.index("Service desk", coming)
    assert "could pay what it decided itself" in page
    wrong = {"_op": str(ids.uuid7()), **post("technician", 2, soon)}
    answer = client.post(f"/people/{cast.tech.id}/roles/new", data=wrong)
    assert answer.status_code == 422
    assert "End that first." in answer.text
    for url in ("roles/1/change", "roles/1/end"):
        assert client.get(f"/people/{cast.tech.id}/{url}").status_code == 200
        assert bench.client_of(cast.manager).get(f"/people/{cast.tech.id}/{url}").status_code == 403


def test_group_is_founded_changed_and_ends_after_its_last_membership(bench: Bench) -> None:
    cast, ends = bench.cast, today() + timedelta(days=3)
    client = bench.client_of(cast.admin)
    form = {"_op": str(ids.uuid7()), "id": str(ids.uuid7()), "name": "Group three", "city": "Wuhu", "parent_id": "1"}
    assert client.post("/groups/new", data=form).status_code == 303
    assert "Group three" in client.get("/groups").text
    change = {"name": "Group three", "city": "Wuhu", "ended_on": ends.isoformat()}
    agg = ("group", key_of(3))
    bench.send(cast.admin, "membership.begin", account(cast.tech2), post("vice_leader", 3, today()))
    assert bench.send(cast.admin, "group.change", agg, change).problems.keys() == {"ended_on"}
    data = {"membership_id": "14", "reason": "x", "until_on": ends.isoformat()}
    bench.send(cast.admin, "membership.end", account(cast.tech2), data)
    assert bench.send(cast.admin, "group.change", agg, change).outcome == "accepted"
    late = bench.send(cast.admin, "membership.begin", account(cast.tech), post("vice_leader", 3, today()))
    assert late.problems.keys() == {"group_id"}
    assert bench.send(cast.admin, "group.change", agg, {"name": "Group one", "city": "Wuhu"}).problems.keys() == {
        "name"
    }
    below = {"name": "Group one", "city": "Wuhu", "parent_id": "3"}
    assert bench.send(cast.admin, "group.change", agg, change | {"parent_id": "1"}).outcome == "accepted"
    assert bench.send(cast.admin, "group.change", ("group", key_of(1)), below).problems.keys() == {"parent_id"}
    assert bench.send(cast.admin, "group.change", agg, {"name": "Group three", "city": "Wuhu"}).outcome == "accepted"
    assert bench.send(cast.manager, "group.change", agg, change).outcome == "rejected"


def test_check_names_memberships_that_overlap(bench: Bench) -> None:
    hold(bench, bench.cast.tech, "technician", 2, today())
    with bench.app.app_context():
        lines = list(overlapping_memberships())
        db.session.remove()
    assert lines == [f"person {bench.cast.tech.id} holds the role technician twice from {today()} on"]
