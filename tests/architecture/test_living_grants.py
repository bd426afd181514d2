"""Every grant is of use: somebody who holds only that role can do it to some record, at some moment (D-ROLE-5).

A working day is sent in which every command occurs, once for each role in place of the technician's, with requests
that need one step and ones that need three. Before each command acts, its policy is asked for everybody.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from sqlalchemy import delete, select, update

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import EVERYONE, SYSTEM
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.command import COMMANDS, Command
from fieldapp.platform.extensions import GRANTS, db
from fieldapp.services.accounts.models import Membership
from fieldapp.services.accounts.roles import NAMES
from fieldapp.services.approvals.models import Case
from tests.architecture.test_access import addresses
from tests.fuzz import world
from tests.support import envelopes
from tests.support.bench import LONG_AGO, Bench, Person

#: Nothing of this kind is made by a day's work; no record has a deadline yet.
NOT_MADE = {"rescue.import", "deadline.warn", "deadline.breach", "deadline.escalate"}
DECIDING = ("return", "reject", "accept", "approve")


class Day(NamedTuple):
    """Who sends the technician's part of the day, by roles; what a piece of the requested parts costs; who leads."""

    roles: tuple[str, ...]
    price: str = "85.00"
    has_leader: bool = True


class Watch:
    """Notes for which roles a policy said yes."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.alive: set[tuple[str, str]] = set()
        self.people: list[Actor] = []
        commands = COMMANDS.of(bench.app)
        self.granted = {
            (role, verb)
            for role, verbs in GRANTS.of(bench.app).by_role.items()
            for verb in verbs
            if verb in commands and not (role != EVERYONE and verb in GRANTS.of(bench.app).by_role[EVERYONE])
        }
        for kind, one in list(commands.items()):
            monkeypatch.setitem(commands, kind, dataclasses.replace(one, may=self._asking(one)))

    def _asking(self, command: Command) -> Any:
        def may(actor: Actor, record: Any) -> bool:
            for person in (*self.people, *([actor] if actor.kind == "system" else ())):
                if person.can(command.kind) and command.may(person, record):
                    self.alive |= {(role, command.kind) for role in self._roles(person, command.kind)}
            return command.may(actor, record)

        return may

    def _roles(self, person: Actor, kind: str) -> set[str]:
        """What is proven: only who holds a single role proves anything of it; the system has one of its own."""
        if person.kind == "system":
            return {SYSTEM}
        return (
            {EVERYONE} if (EVERYONE, kind) in self.granted else set(person.roles) if len(person.roles) == 1 else set()
        )

    @property
    def dead(self) -> set[tuple[str, str]]:
        return self.granted - self.alive


def cast(bench: Bench) -> list[Person]:
    return [one for one in vars(bench.cast).values() if isinstance(one, Person)]


def live(bench: Bench, watch: Watch, day: Day) -> None:
    """Send a day; after each record, ask about every decision that waits."""
    moment = datetime.now(UTC).replace(hour=2, minute=0, second=0, microsecond=0)
    envelopes.world(bench, moment)
    with bench.app.app_context():
        with writing() as session:
            session.execute(delete(Membership).where(Membership.user_id == bench.cast.tech.id))
            session.add_all(
                Membership(user_id=bench.cast.tech.id, group_id=1, role=role, from_on=LONG_AGO) for role in day.roles
            )
            if not day.has_leader:
                session.execute(update(Membership).where(Membership.user_id == bench.cast.leader.id).values(group_id=2))
        db.session.remove()
    people = {person.id: person for person in cast(bench)}
    watch.people = [bench.actor(person) for person in people.values()]
    for one in envelopes.freeze(bench, "grants", moment):
        written = envelopes.json.loads(one.body.replace('"85.00"', f'"{day.price}"'))
        with clock.standing_at(clock.parse_iso(written["at"]["utc"])):
            bench.push(people[written["user"]], envelopes.json.dumps(written))
            ask_about_decisions(bench)
    while waiting := list(open_cases(bench)):
        for case in waiting:
            go_on(bench, case)
        ask_about_decisions(bench)
        if list(open_cases(bench)) == waiting:
            return


def open_cases(bench: Bench) -> Iterator[tuple[str, str, str]]:
    with bench.app.app_context():
        query = select(Case.subject_type, Case.subject_id, Case.waiting_role).where(Case.state == "open")
        found = [(kind, record, role) for kind, record, role in db.session.execute(query.order_by(Case.id))]
        db.session.remove()
    yield from found


def ask_about_decisions(bench: Bench) -> None:
    """The leader of another group holds these verbs, but it is never their turn."""
    for kind, record, _ in open_cases(bench):
        for verb in DECIDING:
            if f"{kind}.{verb}" in COMMANDS.of(bench.app):
                result = bench.send(bench.cast.other_leader, f"{kind}.{verb}", (kind, record), {"reason": "no"})
                assert result.code == "record.not_allowed"


def go_on(bench: Bench, case: tuple[str, str, str]) -> None:
    """Take the step that waits, as whoever holds its role."""
    kind, record, role = case
    person = getattr(bench.cast, role)
    verb = next(verb for verb in ("accept", "approve") if f"{kind}.{verb}" in COMMANDS.of(bench.app))
    bench.send(person, f"{kind}.{verb}", (kind, record), {})


def test_every_granted_command_is_allowed_on_some_record(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.reset()
    watch = Watch(bench, monkeypatch)
    assert len(watch.granted) > 60
    first = (Day(("technician",), "850.00"), Day(("technician",), has_leader=False), Day(("leader", "manager")))
    for day in first:
        live(bench, watch, day)
    for role in NAMES:
        if any(role == dead for dead, _ in watch.dead):
            live(bench, watch, Day((role,)))
    assert sorted(one for one in watch.dead if one[1] not in NOT_MADE) == []


def large_request(bench: Bench) -> str:
    """Send a request that also purchasing and the executive decide about. Return its id."""
    record, moment = envelopes.PARTS[-1], datetime.now(UTC)
    step = next(one for one in envelopes.day(moment) if one.kind == "parts_request.submit")
    lines = [{**one, "unit_price": "850.00"} for one in step.data["lines"]]
    data = {**step.data, "id": record, "lines": lines}
    assert bench.send(bench.cast.tech, step.kind, ("parts_request", record), data).outcome == "accepted"
    return record


def test_every_granted_page_of_a_record_opens_for_some_record(bench: Bench) -> None:
    known = world.fill(bench)
    known["request_id"] = [large_request(bench)]
    by_role = GRANTS.of(bench.app).by_role
    opened: set[tuple[str, str]] = set()
    guarded: set[str] = set()
    for rule, address in addresses(bench, known):
        verb = getattr(bench.app.view_functions[rule.endpoint], "guard", "public")
        if "GET" not in (rule.methods or ()) or verb in by_role[EVERYONE] | {"public"} | set(COMMANDS.of(bench.app)):
            continue
        guarded.add(verb)
        for person in cast(bench):
            (role,) = bench.actor(person).roles
            if verb in by_role[role] and (role, verb) not in opened:
                answer = bench.client_of(person).get(address, headers={"HX-Request": "true"})
                if answer.status_code == 200:
                    opened.add((role, verb))
    granted = {(role, verb) for role in NAMES for verb in by_role[role] & (guarded - NOT_MADE)}
    assert len(granted) > 20
    assert sorted(granted - opened) == []
