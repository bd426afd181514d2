"""Memberships hold from a day to a day; questions name the day (ADR 40, D-GROUP-1)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseClaim, ExpenseItem
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import actor_at, leaders_of, roles_on, technicians_of
from fieldapp.services.accounts.models import Membership
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
    early, late = midnight(changed) - timedelta(minutes=10), midnight(changed)
    outcomes = [
        bench.send(
            cast.leader, "expense_claim.approve", ("expense_claim", record), {}, at=written(at), base=base
        ).outcome
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
