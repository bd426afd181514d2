"""Every command shows its result at once: the page that a form leads to has a piece for the record on the phone.

All pages of the demo are walked through, by every role, with records added for whatever the demo data leave out. There
are no exceptions: each command is offered by some page, and no form leads to a page without its piece.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from fieldapp.demo import PASSWORD, fill
from fieldapp.field.jobs import Job, Visit, VisitMember
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Attachment, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import User
from fieldapp.services.devices import Device
from fieldapp.services.schedule.models import ScheduleClock
from fieldapp.services.waiting.models import ExpiredRecord
from fieldapp.supply.parts.schemas import NOT_IN_CATALOGUE
from tests.support import envelopes
from tests.support.bench import DEVICE, Person

FIRST = ("/", "/jobs", "/inbox", "/expenses", "/me")
#: States of visits between the way and the report.
UNDER_WAY = ("en_route", "on_site", "working", "paused")
LOGINS = ("tech1", "tech2", "lead1", "finance", "agent", "manager", "purchasing", "executive", "hr", "quality", "admin")
DOWNLOAD = re.compile(r"\.(csv|xlsx|zip)|/attachments/[0-9a-f-]{36}(?!/again)|/logout|/static/|/export|\?size=")


class Page(HTMLParser):
    """The links, forms and pieces of a page; also those inside other pieces."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.forms: list[dict[str, str]] = []
        self.pieces: list[dict[str, str]] = []
        self.ahead: dict[str, str] = {}
        self._form: dict[str, str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith("/"):
            self.links.add(given["href"].split("#")[0])
        if tag == "form" and "data-op" in given:
            self._form = given
            self.forms.append(given)
        if tag == "template" and "data-pending" in given:
            self.pieces.append(given)
        if tag == "input" and self._form is not None and given.get("type") == "hidden":
            self._form.setdefault("field " + given.get("name", ""), given.get("value", ""))
        if "data-ahead" in given:
            self.ahead[given.get("id", "")] = given["data-ahead"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def shows(page: Page, form: dict[str, str]) -> bool:
    """Whether the page has a piece for what the form makes."""
    for piece in page.pieces:
        if piece["data-pending"] != form["data-op"]:
            continue
        where = piece.get("data-where", "")
        name, _, wanted = where.partition("=")
        if where and form.get(f"field {name}", wanted) != wanted:
            continue
        if piece.get("data-agg") and piece["data-agg"] != form.get("data-agg"):
            continue
        return True
    return False


def opens(form: dict[str, str]) -> bool:
    """Whether the form only marks a message as read on the way to its record; the inbox has its piece."""
    return form["data-op"] == "notice.dismiss" and form.get("data-done", "/inbox") != "/inbox"


def pattern(path: str) -> str:
    """The address with its ids left out: a dozen pages of each kind are enough."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", path.split("?", maxsplit=1)[0])


def under_way(session: Any, me: int) -> str:
    """Bring visits of tech1 into every state between the way and the report; plan another visit of one job.

    Return the address of that job.
    """
    mine = select(Visit).where(Visit.technician_id == me, Visit.state.in_(("assigned", "accepted")))
    visits = session.scalars(mine.order_by(Visit.planned_start, Visit.id)).all()
    assert len(visits) > len(UNDER_WAY)
    for visit, state in zip(visits, UNDER_WAY, strict=False):
        visit.state = state
    again = Visit(
        id=str(ids.uuid7()), job_id=visits[-1].job_id, technician_id=me, planned_start=clock.now(), state="assigned"
    )
    session.add(again)
    session.flush()
    session.add(VisitMember(visit_id=again.id, user_id=me, in_charge=True))
    return f"/jobs/{again.job_id}"


def lost_phone(session: Any, me: int) -> None:
    """Add a phone of tech1's that has lost records."""
    now = clock.now()
    phone = Device(dev=DEVICE, ep="0a1b2c3d", user_id=me, build="", display_mode="browser", missing=[901, 902])
    phone.missing_count, phone.first_seen_at, phone.last_seen_at = 2, now, now
    session.add(phone)


def sent(bench: Any, who: Person, command: str, record: str, data: dict[str, Any], **over: Any) -> str:
    """Send a command about a record; return the envelope's id. `over` replaces fields of the envelope."""
    result = bench.send(who, command, (command.partition(".")[0], record), data, **over)
    assert result.outcome == ("held" if "depends" in over else "accepted"), (command, result)
    return str(result.op)


def come_back(bench: Any, tech: Person, lead: Person) -> list[str]:
    """Return a parts request, cancel a job, lose a photo of an open expense, and let a record wait in vain for days.

    Return the addresses of the request and the job.
    """
    photographed, waiting, asked = (str(ids.uuid7()) for _ in range(3))
    photo, _ = bench.photo("receipt")
    expense = {"amount": "12.00", "kind": "taxi"}
    sent(bench, tech, "expense_item.capture", photographed, {"id": photographed, **expense}, atts=[photo])
    never = [str(ids.uuid7())]
    op = sent(bench, tech, "expense_item.capture", waiting, {"id": waiting, **expense}, depends=never)
    line = {"part_id": NOT_IN_CATALOGUE, "name": "Cable", "qty": 1, "unit_price": "9.00"}
    request = {"id": asked, "urgency": "normal", "reason": "Stock", "wanted_on": clock.today().isoformat()}
    sent(bench, tech, "parts_request.submit", asked, {**request, "lines": [line]})
    sent(bench, lead, "parts_request.return", asked, {"reason": "Which one?"})
    with bench.app.app_context():
        job = str(db.session.scalars(select(Job.id).where(Job.state == "new")).first())
        db.session.remove()
    sent(bench, lead, "job.cancel", job, {"reason": "Not needed any more"})
    with bench.app.app_context(), writing() as session:
        session.get_one(Attachment, photo["id"]).state = "lost"
        session.get_one(Receipt, op).received_at = clock.now() - timedelta(days=6)
        session.add(ExpiredRecord(op=op, user_id=tech.id, expired_at=clock.now()))
        session.scalars(select(User).where(User.username == "tech4")).one().active = False
    return [f"/parts/{asked}", f"/jobs/{job}"]


@pytest.fixture
def walked(bench: Any) -> dict[str, list[str]]:
    """The commands that were met, each with the pages that lack its piece."""
    with bench.app.app_context():
        bench._empty()
        db.session.remove()
        fill()
        db.session.remove()
        people = {user.username: Person(user.id, user.username, user.name) for user in db.session.scalars(select(User))}
        db.session.remove()
        with writing() as session:
            planned_twice = under_way(session, people["tech1"].id)
            lost_phone(session, people["tech1"].id)
        db.session.remove()
    coming = str(ids.uuid7())
    change = {"id": coming, "key": "waiting.days", "value": "6", "reason": "Holidays"}
    change["valid_from"] = (clock.today() + timedelta(days=9)).isoformat()
    sent(bench, people["admin"], "setting.change", coming, change, schema=2)
    turn = {"from_at": clock.iso(clock.now()), "to_at": clock.iso(clock.now() + timedelta(days=2))}
    named = str(ids.uuid7())
    deputy = {"id": named, "deputy_id": str(people["lead2"].id), "reason": "Training", **turn}
    sent(bench, people["lead1"], "deputy.name", named, deputy)
    with bench.app.app_context(), writing() as session:
        session.add(envelopes.parked(envelopes.PARKED[0], clock.now()))
        session.add(ScheduleClock(id=1, high_water=clock.now(), paused_at=clock.now()))
    records = [planned_twice, *come_back(bench, people["tech1"], people["lead1"])]
    found: dict[str, list[str]] = defaultdict(list)
    for name in LOGINS:
        # The first sign-in is the other one on the page of the second.
        for client in (bench.app.test_client(), bench.app.test_client()):
            client.post("/login", data={"username": name, "password": PASSWORD})
        walk(client, name, records, found)
    return found


class Walk:
    """One person's way through all pages that links lead to."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.pages: dict[str, Page | None] = {}

    def page(self, path: str) -> Page | None:
        """The page, fetched once; None where it is no page or not theirs."""
        if path not in self.pages:
            answer = self.client.get(path, follow_redirects=True)
            is_page = answer.status_code == 200 and answer.mimetype.startswith("text/html")
            self.pages[path] = Page(answer.text) if is_page else None
        return self.pages[path]

    def all_pages(self, records: list[str]) -> Iterator[tuple[str, Page]]:
        """Yield the pages that links lead to, a dozen of each kind, those of `records` among them."""
        # The records first: of each kind of page only a dozen are fetched.
        todo, seen, often = deque([*records, *FIRST]), set(), Counter[str]()
        while todo:
            path = todo.popleft()
            kind = pattern(path)
            if path in seen or DOWNLOAD.search(path) or often[kind] >= 12:
                continue
            seen.add(path)
            often[kind] += 1
            page = self.page(path)
            if page is not None:
                todo += sorted(page.links)
                yield path, page


def walk(client: Any, name: str, records: list[str], found: dict[str, list[str]]) -> None:
    """Note every form by its command, with those pages it leads to that show nothing of its record."""
    way = Walk(client)
    for path, page in way.all_pages(records):
        for form in page.forms:
            done = form.get("data-done") or path
            at = way.page(urlsplit(done)._replace(fragment="").geturl())
            missing = found[form["data-op"]]
            if at is not None and not shows(at, form) and not opens(form):
                missing.append(f"{name} {path} → {done}")


def test_every_command_has_a_form_and_every_form_leads_to_a_page_that_shows_its_record_at_once(
    walked: dict[str, list[str]], bench: Any
) -> None:
    assert sorted(envelopes.sent_by_people(bench) - set(walked)) == []
    assert {kind: pages[:3] for kind, pages in walked.items() if pages} == {}


def test_an_open_expense_shows_its_correction_and_its_end(bench: Any) -> None:
    item = str(ids.uuid7())
    data = {"id": item, "amount": "12.00", "kind": "taxi"}
    assert bench.send(bench.cast.tech, "expense_item.capture", ("expense_item", item), data).outcome == "accepted"
    client = bench.client_of(bench.cast.tech)
    met = set()
    for path in (f"/expenses/items/{item}", f"/expenses/items/{item}/edit"):
        for form in Page(client.get(path).text).forms:
            met.add(form["data-op"])
            assert shows(Page(client.get(form["data-done"]).text), form), form["data-op"]
    assert met == {"expense_item.discard", "expense_item.resubmit"}
