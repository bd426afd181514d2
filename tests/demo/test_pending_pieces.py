"""Every command shows its result at once: the page that a form leads to has a piece for the record on the phone.

All pages of the demo are walked through, by every role. A command that no page offers, or whose page has no piece, must
stand in one of the lists with its reason.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from fieldapp.accounts.models import User
from fieldapp.commandbus import writing
from fieldapp.demo import PASSWORD, fill
from fieldapp.expenses.models import ExpenseItem
from fieldapp.extensions import db
from fieldapp.jobs import Visit
from fieldapp.kernel import clock, ids

LOGINS = ("tech1", "tech2", "lead1", "finance", "agent", "manager", "purchasing", "executive", "hr", "quality", "admin")
#: No page of the demo offers them.
NOT_MET = {
    "device.revoke": "no phone is signed in while the demo is filled",
    "device.acknowledge": "no phone has lost a record in the demo",
    "attachment.add": "no photo is missing in the demo",
    "waiting_record.accept": "no record waits in vain in the demo",
    "waiting_record.reject": "no record waits in vain in the demo",
    "session.end": "nobody of the demo is signed in twice",
    "session.end_others": "nobody of the demo is signed in twice",
    "user.activate": "no account of the demo is closed",
    "job.restore": "no job of the demo was cancelled",
    "parts_request.resubmit": "no request of the demo was returned; the request's page serves it",
    "visit.cancel": "its button shows only where a job has several open visits; the job's page serves it",
}
#: Forms whose page shows nothing of the record.
WITHOUT = {
    "device.revoke": "the phone's page is refreshed by the receipt; a phone without network cannot sign out another",
    "notice.dismiss": "a message that is opened leads to its record; the inbox has the piece that shows it as read",
}
DOWNLOAD = re.compile(r"\.(csv|xlsx|zip)|/attachments/|/logout|/static/|/export|\?size=")


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


def pattern(path: str) -> str:
    """The address with its ids left out: a dozen pages of each kind are enough."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", path.split("?", maxsplit=1)[0])


def under_way() -> None:
    """Bring visits of tech1 into every state between the way and the report; give them an open expense."""
    with writing() as session:
        me = session.scalars(select(User.id).where(User.username == "tech1")).one()
        mine = select(Visit).where(Visit.technician_id == me, Visit.state.in_(("assigned", "accepted")))
        visits = session.scalars(mine.order_by(Visit.planned_start, Visit.id)).all()
        for visit, state in zip(visits, ("en_route", "on_site", "working", "paused"), strict=False):
            visit.state = state
        item = ExpenseItem(
            id=str(ids.uuid7()), owner_id=me, kind="taxi", amount=Decimal("12.00"), spent_on=clock.today(), state="open"
        )
        item.captured_at = item.received_at = clock.now()
        session.add(item)
    db.session.remove()


@pytest.fixture
def walked(bench: Any) -> dict[str, list[str]]:
    """The commands that were met, each with the pages that lack its piece."""
    with bench.app.app_context():
        bench._empty()
        db.session.remove()
        fill()
        db.session.remove()
        under_way()
    found: dict[str, list[str]] = defaultdict(list)
    for name in LOGINS:
        client = bench.app.test_client()
        client.post("/login", data={"username": name, "password": PASSWORD})
        walk(client, name, found)
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

    def all_pages(self) -> Iterator[tuple[str, Page]]:
        todo, seen, often = ["/", "/jobs", "/inbox", "/expenses", "/me"], set(), Counter[str]()
        while todo:
            path = todo.pop()
            kind = pattern(path)
            if path in seen or DOWNLOAD.search(path) or often[kind] >= 12:
                continue
            seen.add(path)
            often[kind] += 1
            page = self.page(path)
            if page is not None:
                todo += sorted(page.links)
                yield path, page


def walk(client: Any, name: str, found: dict[str, list[str]]) -> None:
    """Note every form by its command, with those pages it leads to that show nothing of its record."""
    way = Walk(client)
    for path, page in way.all_pages():
        for form in page.forms:
            done = form.get("data-done") or path
            at = way.page(urlsplit(done)._replace(fragment="").geturl())
            missing = found[form["data-op"]]
            if at is not None and not shows(at, form):
                missing.append(f"{name} {path} → {done}")


def test_every_form_leads_to_a_page_that_shows_its_record_at_once(walked: dict[str, list[str]]) -> None:
    without = {kind: pages[:3] for kind, pages in walked.items() if pages and kind not in WITHOUT}
    assert not without


def test_every_command_was_met_or_is_known_not_to_be(walked: dict[str, list[str]], bench: Any) -> None:
    kinds = set(bench.app.extensions["commands"])
    assert kinds - set(walked) <= set(NOT_MET)
    assert set(NOT_MET) <= kinds
    assert set(WITHOUT) <= kinds


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
