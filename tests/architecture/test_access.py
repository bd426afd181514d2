"""The walk over all routes: a record is there for those whose it is, and for others it is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.routing import Rule

from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import UserSession
from fieldapp.services.approvals.models import Case
from tests.fuzz import world
from tests.platform.sync.test_hello import hello
from tests.support.bench import Bench
from tests.support.envelopes import LOST_PHONE

#: Nobody of these has anything to do with a record of group one: another group, or no part in the work.
STRANGERS = ("other_tech", "other_leader", "hr")
#: Records that a colleague of the group on the same job sees, too; everything else is its author's or its leader's.
OF_THE_JOB = frozenset(
    {
        "/jobs/<uuid:job>",
        "/jobs/<uuid:job>/steps",
        "/jobs/<uuid:job>/timeline",
        "/jobs/<uuid:job>/summary",
        "/jobs/<uuid:job>/equipment",
        "/jobs/<uuid:job>/assets/<uuid:asset>",
        "/customers/<uuid:customer>",
        "/jobs/<uuid:job_id>/parts",
        "/parts/<uuid:request_id>",
        "/jobs/<uuid:job_id>/report",
        "/reports/<uuid:report_id>",
        "/jobs/<uuid:job_id>/reports",
    }
)
#: Nothing of this kind is made by a day's work.
EMPTY = frozenset(
    {
        "/rescue/<uuid:import_id>",
        "/waiting/<uuid:op>/<verb>",
        # The day tries the parked work again and gives it up; tests/services/schedule/test_drain.py opens the forms.
        "/due-work/<uuid:op>/retry",
        "/due-work/<uuid:op>/give-up",
        "/attachments/<uuid:attachment_id>",
        "/settings/<uuid:entry>/withdraw",
        "/settings/corrections/<uuid:entry>",
        # The view that the day saves is deleted by it; tests/services/lists/test_views.py says who opens one.
        "/lists/<name>/views/<uuid:view_id>",
        "/lists/<name>/views/<uuid:view_id>/rename",
        "/lists/<name>/views/<uuid:view_id>/delete",
    }
)
NOT_THERE = {403, 404}
#: A fragment is asked for as htmx does; else it leads to its page, which says no.
HTMX = {"HX-Request": "true"}


@pytest.fixture
def known(bench: Bench) -> dict[str, list[str]]:
    """A day's records, all of the technician of group one, and the phone they came from."""
    found = world.fill(bench)
    phone = next(dev for dev in found["dev"] if not dev.startswith("00000000") and dev != LOST_PHONE)
    assert hello(bench, bench.client_of(bench.cast.tech), dev=phone).status_code == 200
    with bench.app.app_context():
        mine = select(UserSession.id).where(UserSession.user_id == bench.cast.tech.id)
        session = db.session.scalars(mine).first()
        notice = db.session.scalars(select(Notice.id).where(Notice.user_id == bench.cast.tech.id)).first()
        db.session.remove()
    return {**found, "dev": [phone], "session_id": [str(session)], "notice": [str(notice)]}


def addresses(bench: Bench, known: dict[str, list[str]]) -> Iterator[tuple[Rule, str]]:
    """Every route with a record in its address, once for each record that matters."""
    for rule in bench.app.url_map.iter_rules():
        if not re.search("<(uuid|int):", rule.rule) or rule.rule.startswith("/sync/attachments"):
            continue
        if rule.rule == "/inbox/<kind>/<uuid:record>/<verb>":
            with bench.app.app_context():
                cases = {tuple(row) for row in db.session.execute(select(Case.subject_type, Case.subject_id))}
                db.session.remove()
            for kind, record in sorted(cases):
                for verb in ("approve", "accept", "return", "reject"):
                    yield rule, f"/inbox/{kind}/{record}/{verb}"
            continue
        verbs = ("arrive", "refuse") if "visits" in rule.rule else ("accept", "reject")
        for verb in verbs if "<verb>" in rule.rule else ("",):
            yield rule, re.sub(r"<(?:\w+:)?(\w+)>", lambda place, v=verb: _value(place[1], known, v), rule.rule)  # type: ignore[misc]


def _value(name: str, known: dict[str, list[str]], verb: str) -> str:
    if name in {"user_id", "group_id", "number"}:
        return "1"
    return verb if name == "verb" else known[name][0] if known.get(name) else MADE_UP


MADE_UP = "01890000-0000-7000-8000-000000000000"


def answers(bench: Bench, who: str, rule: Rule, address: str) -> set[int]:
    """What a person gets, by every method of the route."""
    client: Any = bench.client_of(getattr(bench.cast, who))
    got = set()
    for method in sorted((rule.methods or set()) & {"GET", "POST"}):
        answer = client.open(address, method=method, data={} if method == "POST" else None, headers=HTMX)
        got.add(answer.status_code)
        answer.close()
    return got


def test_a_record_of_another_group_is_not_there(bench: Bench, known: dict[str, list[str]]) -> None:
    walked = list(addresses(bench, known))
    assert len({rule.rule for rule, _ in walked}) > 30
    assert any(address.startswith("/inbox/expense_claim/") for _, address in walked)
    people = ("/people/1", "/people/1/reset-link", "/people/1/deactivate", "/people/1/activate")
    assert set(people) <= {address for _, address in walked}
    open_to = [
        (who, address, got)
        for rule, address in walked
        for who in STRANGERS
        if not (got := answers(bench, who, rule, address)) <= NOT_THERE
    ]
    assert open_to == []


def test_a_record_of_another_person_is_not_there(bench: Bench, known: dict[str, list[str]]) -> None:
    open_to = [
        (address, got)
        for rule, address in addresses(bench, known)
        if rule.rule not in OF_THE_JOB and not (got := answers(bench, "tech2", rule, address)) <= NOT_THERE
    ]
    assert open_to == []


def test_every_record_is_there_for_somebody(bench: Bench, known: dict[str, list[str]]) -> None:
    """Without this the walk would pass where every address is wrong."""
    reached: set[str] = set()
    walked = list(addresses(bench, known))
    for who in ("leader", "tech", "manager", "purchasing", "admin"):
        for rule, address in walked:
            if rule.rule not in reached and answers(bench, who, rule, address) - NOT_THERE:
                reached.add(rule.rule)
    assert {rule.rule for rule, _ in walked} - reached == EMPTY


def test_inbox_verbs_that_are_none_are_not_there(bench: Bench, known: dict[str, list[str]]) -> None:
    client = bench.client_of(bench.cast.leader)
    record = known["request_id"][0]
    for kind, verb in (("parts_request", "withdraw"), ("parts_request", "x"), ("user", "approve"), ("job", "cancel")):
        assert client.get(f"/inbox/{kind}/{record}/{verb}").status_code == 404, (kind, verb)
