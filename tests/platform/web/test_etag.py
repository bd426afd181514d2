"""A page's ETag is the hash of what was drawn: it differs exactly when the page does (ADR 34)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, update

from fieldapp.field.customers.models import Asset, Contact, Customer, Site
from fieldapp.field.jobs.models import Job, Visit
from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import db
from fieldapp.platform.web.assets import ASSETS, Assets
from fieldapp.services.accounts.models import Group, Membership, User, UserSession
from fieldapp.supply.parts import Part
from tests.money.expenses.conftest import item_data
from tests.platform.sync.test_attachments import create, patch
from tests.support.bench import Bench, Person

#: What stands in a page that is new each time.
_NEW = re.compile(r'(data-rendered|name="(?:_op|_issued|id)" value)="[^"]*"')


def conditional(client: Any, url: str, tag: str, **headers: str) -> Any:
    return client.get(url, headers={"If-None-Match": tag, **headers})


def change(bench: Bench, *statements: Any) -> None:
    with bench.app.app_context():
        with writing() as session:
            for statement in statements:
                session.execute(statement)
        db.session.remove()


@pytest.fixture
def noon() -> Iterator[datetime]:
    """No test runs over midnight."""
    now = clock.local(clock.now()).replace(hour=12, minute=0, second=1, microsecond=0)
    with clock.standing_at(now):
        yield now


@pytest.fixture
def day(bench: Bench, noon: datetime) -> Bench:
    """A job with its visit, an expense and a part of the catalogue."""
    bench.make_job(bench.cast.tech)
    item = str(ids.uuid7())
    sent = bench.send(bench.cast.tech, "expense_item.capture", ("expense_item", item), item_data(item))
    assert sent.outcome == "accepted"
    part = Part(
        id=str(ids.uuid7()), number="ANT-01", name="Antenna", unit="pc", price=Decimal("62.00"), category="accessory"
    )
    with bench.app.app_context():
        with writing() as session:
            session.add(part)
        db.session.remove()
    return bench


PEOPLE = ("tech", "leader", "finance", "agent", "admin")
PAGES = (
    "/jobs",
    "/me",
    "/me/devices",
    "/inbox",
    "/expenses",
    "/expenses/new",
    "/parts",
    "/parts/new",
    "/reimbursements",
    "/people",
)

#: One value of a column and, where a page shows it, that it does.
CHANGES: list[tuple[Any, dict[str, Any], bool]] = [
    (Customer, {"name": "Another customer"}, True),
    (Customer, {"kind": "person"}, False),
    (Site, {"name": "Another site"}, True),
    (Site, {"address": "Another street"}, True),
    (Site, {"lat": 35.0, "lon": 114.0}, True),
    (Contact, {"name": "Another contact"}, True),
    (Contact, {"phone": "19900000099"}, True),
    (Asset, {"plate": "HA00000"}, True),
    (Asset, {"serial_no": "1234567"}, True),
    (Asset, {"warranty_until": None}, True),
    (Job, {"title": "Another title"}, True),
    (Job, {"fault_description": "Another fault"}, True),
    (Job, {"number": "W-OTHER"}, True),
    (Job, {"urgency": "emergency"}, True),
    (Job, {"service_class": "warranty"}, True),
    (Job, {"state": "waiting"}, True),
    (Visit, {"state": "on_site"}, True),
    (Visit, {"planned_start": "later"}, True),
    (ExpenseItem, {"amount": Decimal("99.00")}, True),
    (ExpenseItem, {"note": "Another note"}, True),
    (Part, {"name": "Another part"}, True),
    (Part, {"price": Decimal("63.00")}, True),
    (Part, {"active": False}, True),
    (User, {"name": "Another name"}, True),
    (Group, {"name": Group.name + " of before"}, True),
    (UserSession, {"seen_at": "later"}, True),
]


def drawn(bench: Bench, clients: dict[str, Any], urls: dict[str, list[str]]) -> dict[tuple[str, str], tuple[str, str]]:
    """ETag and bytes, without what is new each time, of every page by person and address."""
    found = {}
    for name, client in clients.items():
        for url in urls[name]:
            page = client.get(url)
            if page.status_code == 200:
                found[name, url] = page.headers["ETag"], _NEW.sub(r'\1=""', page.text)
    return found


def test_the_tag_differs_exactly_when_the_bytes_do(day: Bench) -> None:
    """Whatever is changed past the command bus; and the pack has the page's own tag."""
    clients = {name: day.client_of(getattr(day.cast, name)) for name in PEOPLE}
    packs = {name: [one["url"] for one in client.get("/sync/pack").json["entries"]] for name, client in clients.items()}
    urls = {name: list(dict.fromkeys([*PAGES, *packs[name]])) for name in PEOPLE}
    before = drawn(day, clients, urls)
    assert len(before) > 50
    for model, values, shown in CHANGES:
        given = {key: clock.now() + timedelta(hours=3) if value == "later" else value for key, value in values.items()}
        change(day, update(model).values(**given))
        after = drawn(day, clients, urls)
        changed = {one for one in before if before[one] != after.get(one)}
        for one in before.keys() & after.keys():
            assert (before[one][0] != after[one][0]) == (before[one][1] != after[one][1]), (model, values, one)
        assert bool(changed) is shown, (model, values)
        before = after
    for name, client in clients.items():
        for entry in client.get("/sync/pack").json["entries"]:
            assert before[name, entry["url"]][0] == entry["etag"], (name, entry)


def test_an_unchanged_page_is_not_sent_twice(day: Bench) -> None:
    for who in ("tech", "leader", "finance", "admin"):
        client = day.client_of(getattr(day.cast, who))
        for url in ("/me", "/inbox", "/jobs", "/expenses/new", "/people"):
            first = client.get(url)
            if first.status_code != 200:
                continue
            tag = first.headers["ETag"]
            assert tag.startswith('W/"')
            same = conditional(client, url, tag)
            assert (same.status_code, same.data) == (304, b"")
            assert sum(len(name) + len(value) for name, value in same.headers) < 1024
            for name in ("X-Fieldapp-User", "Cache-Control", "Vary", "ETag", "Content-Security-Policy"):
                assert same.headers[name] == first.headers[name]


def test_the_minute_changes_no_page(day: Bench, noon: datetime) -> None:
    clients = {name: day.client_of(getattr(day.cast, name)) for name in ("tech", "leader", "admin")}
    urls = {name: [*PAGES, "/me/devices", "/phones"] for name in clients}
    before = drawn(day, clients, urls)
    with clock.standing_at(noon + timedelta(minutes=7)):
        after = drawn(day, clients, urls)
    assert {one: tag for one, (tag, _) in after.items()} == {one: tag for one, (tag, _) in before.items()}


def test_midnight_changes_the_pages_that_name_a_day(bench: Bench, noon: datetime) -> None:
    bench.make_job(bench.cast.tech, start=noon)
    client = bench.client_of(bench.cast.tech)
    last = noon.replace(hour=23, minute=59, second=59)
    tag = client.get("/jobs").headers["ETag"]
    with clock.standing_at(last):
        assert conditional(client, "/jobs", tag).status_code == 304
    with clock.standing_at(last + timedelta(seconds=1)):
        assert conditional(client, "/jobs", tag).status_code == 200


def test_a_tag_is_one_persons_in_one_language_and_build(bench: Bench, noon: datetime) -> None:
    bench.make_job(bench.cast.tech, others=(bench.cast.tech2,))
    client = bench.client_of(bench.cast.tech)
    tag = client.get("/jobs").headers["ETag"]
    assert conditional(bench.client_of(bench.cast.tech), "/jobs", tag).status_code == 304
    assert conditional(client, "/jobs", tag, **{"Accept-Language": "zh-CN"}).status_code == 200
    for header in ("HX-Request", "HX-Boosted", "HX-History-Restore-Request"):
        assert conditional(client, "/jobs", tag, **{header: "true"}).status_code == 200
    assert conditional(client, "/jobs?state=done", tag).status_code == 200
    for other in (bench.cast.tech2, bench.cast.leader):
        assert conditional(bench.client_of(other), "/jobs", tag).status_code == 200
    own = bench.app.extensions["assets"]
    try:
        ASSETS.set(bench.app, Assets(build="another"))
        assert conditional(client, "/jobs", tag).status_code == 200
    finally:
        ASSETS.set(bench.app, own)
    assert conditional(client, "/jobs", tag).status_code == 304


def test_another_person_in_the_same_browser_gets_a_page_of_their_own(bench: Bench, noon: datetime) -> None:
    client = bench.client_of(bench.cast.tech)
    tag = client.get("/add").headers["ETag"]
    secret = bench.session_of(bench.cast.tech2)
    with client.session_transaction() as session:
        session["_user_id"] = secret
    other = conditional(client, "/add", tag)
    assert (other.status_code, other.headers["X-Fieldapp-User"]) == (200, str(bench.cast.tech2.id))


@pytest.mark.parametrize("what", ["role", "closed", "signed out", "no role"])
def test_the_person_is_read_for_every_answer(bench: Bench, noon: datetime, what: str) -> None:
    bench.make_job(bench.cast.tech)
    client = bench.client_of(bench.cast.leader)
    tag = client.get("/jobs").headers["ETag"]
    roles = Membership.user_id == bench.cast.leader.id
    statement, expected = {
        "role": (update(Membership).where(roles).values(role="agent"), 200),
        "closed": (update(User).where(User.id == bench.cast.leader.id).values(active=False), 302),
        "signed out": (update(UserSession).values(ended_at=clock.now()), 302),
        "no role": (delete(Membership).where(roles), 403),
    }[what]
    change(bench, statement)
    answer = conditional(client, "/jobs", tag)
    assert answer.status_code == expected
    assert expected == 200 or "ETag" not in answer.headers


def test_a_form_posted_without_script_makes_every_page_new(bench: Bench, noon: datetime) -> None:
    """Also a refused one: back on the old page, its op id would be used a second time."""
    job, visit = bench.make_job(bench.cast.tech)
    client, url = bench.client_of(bench.cast.tech), f"/jobs/{job}"
    before = client.get(url)
    numbers = re.findall(r'name="_op" value="([^"]+)"', before.text)
    refused = client.post(f"{url}/visits/{visit}/refuse", data={"_op": numbers[0], "reason": ""})
    assert refused.status_code == 422
    assert "ETag" not in refused.headers
    after = conditional(client, url, before.headers["ETag"])
    assert after.status_code == 200
    assert not set(numbers) & set(re.findall(r'name="_op" value="([^"]+)"', after.text))


def test_bytes_of_a_photo_that_arrive_make_the_page_new(bench: Bench, noon: datetime) -> None:
    item, (note, data) = str(ids.uuid7()), bench.photo("receipt")
    sent = bench.send(bench.cast.tech, "expense_item.capture", ("expense_item", item), item_data(item), atts=[note])
    assert sent.outcome == "accepted"
    client, url = bench.client_of(bench.cast.tech), f"/expenses/items/{item}"
    tag = client.get(url).headers["ETag"]
    assert conditional(client, url, tag).status_code == 304
    assert create(client, note).status_code == 200
    assert patch(client, note, 0, data).status_code == 204
    assert conditional(client, url, tag).status_code == 200


def test_compressed_pages_have_the_same_weak_tag(day: Bench) -> None:
    client = day.client_of(day.cast.tech)
    plain = client.get("/jobs").headers["ETag"]
    page = client.get("/jobs", headers={"Accept-Encoding": "br"})
    assert (page.headers["Content-Encoding"], page.headers["ETag"]) == ("br", plain)
    assert conditional(client, "/jobs", plain, **{"Accept-Encoding": "br"}).status_code == 304
    assert conditional(client, "/jobs", f'"other", {plain}').status_code == 304


def test_a_phone_fetches_the_one_page_of_its_pack_that_changed(bench: Bench, noon: datetime) -> None:
    jobs = [bench.make_job(bench.cast.tech)[0] for _ in range(4)]
    client = bench.client_of(bench.cast.tech)
    before = client.get("/sync/pack").json
    assert len(before["entries"]) >= 20
    assert client.get("/sync/pack").json == before
    change(bench, update(Job).where(Job.id == jobs[0]).values(fault_description="The horn sounds all night."))
    after = client.get("/sync/pack").json
    assert after["gen"] != before["gen"]
    tags = {entry["url"]: entry["etag"] for entry in before["entries"]}
    changed = [entry["url"] for entry in after["entries"] if tags[entry["url"]] != entry["etag"]]
    assert changed == [f"/jobs/{jobs[0]}"]
    sent = [url for url, tag in tags.items() if conditional(client, url, tag).status_code == 200]
    assert sent == changed


def test_a_page_that_is_gone_is_left_out_and_one_that_fails_keeps_the_old_pack(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, pack = bench.client_of(bench.cast.tech), "fieldapp.platform.sync.routes.pack.pack_of"
    gone = f"/jobs/{ids.uuid7()}"
    monkeypatch.setattr(pack, lambda *_: ["/me", gone])
    assert [entry["url"] for entry in client.get("/sync/pack").json["entries"]] == ["/me"]
    # An address that leads elsewhere is no page.
    monkeypatch.setattr(pack, lambda *_: ["/me", "/"])
    monkeypatch.setitem(bench.app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = client.get("/sync/pack")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "server.failed")


def test_a_fragment_is_not_cached(bench: Bench, noon: datetime) -> None:
    """It is asked for because a record was received; a copy says that it was drawn before that."""
    client = bench.client_of(bench.cast.tech)
    assert client.get("/jobs", headers={"HX-Request": "true"}).headers["Cache-Control"] == "private, no-store"
    for header in ("HX-Boosted", "HX-History-Restore-Request"):
        page = client.get("/jobs", headers={"HX-Request": "true", header: "true"})
        assert page.headers["Cache-Control"] == "private, no-cache"


def test_a_message_makes_the_pages_new_that_count_it(bench: Bench, noon: datetime) -> None:
    client = bench.client_of(bench.cast.tech)
    tag = client.get("/add").headers["ETag"]
    with bench.app.app_context():
        with writing() as session:
            session.add(_notice(bench.cast.tech))
        db.session.remove()
    assert conditional(client, "/add", tag).status_code == 200


def _notice(person: Person) -> Notice:
    return Notice(
        user_id=person.id, kind="visit.given_away", params={"who": "A", "job": "B"}, url="/jobs", created_at=clock.now()
    )


def test_few_queries(bench: Bench, noon: datetime, queries: Any) -> None:
    """A 304 asks what its page asks: it is drawn to be compared."""
    bench.make_job(bench.cast.tech, others=(bench.cast.tech2,))
    for person in (bench.cast.tech, bench.cast.leader):
        client = bench.client_of(person)
        tag = client.get("/jobs").headers["ETag"]
        for headers in ({}, {"If-None-Match": tag}):
            with queries() as asked:
                assert client.get("/jobs", headers=headers).status_code in {200, 304}
            assert asked.count <= 12
