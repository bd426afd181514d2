"""Every role follows the links it is shown: all lead somewhere, and every page is valid as far as we look."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from fieldapp.demo import PASSWORD, fill
from fieldapp.platform.extensions import db
from tests.support.bench import Bench
from tests.support.html import Page

LOGINS = (
    *("tech1", "tech2", "tech3", "lead1", "lead2", "finance", "agent", "manager"),
    *("purchasing", "executive", "hr", "quality", "admin"),
)
#: Pages of one kind that a role looks at: the next ones are made by the same template.
OF_A_KIND = 3
MOST = 150


def shape(address: str) -> str:
    """The address without what tells one record from another."""
    path, _, query = address.partition("?")
    names = "&".join(sorted(part.partition("=")[0] for part in query.split("&")))
    return re.sub(r"[0-9a-f-]{36}|\d+", "*", path) + ("?" + names if query else "")


def crawl(client: Any) -> dict[str, list[str]]:
    """What was wrong with each page that can be reached from the first one."""
    waiting, seen, kinds = ["/"], {"/"}, Counter[str]()
    wrong: dict[str, list[str]] = {}
    while waiting and len(seen) < MOST * OF_A_KIND:
        address = waiting.pop(0)
        answer = client.get(address, follow_redirects=True)
        if answer.status_code >= 400:
            wrong[address] = [f"answers {answer.status_code}"]
        if answer.mimetype == "text/html":
            page = Page(answer.get_data(as_text=True))
            if page.problems:
                wrong.setdefault(address, []).extend(page.problems)
            for link in sorted(page.links - seen):
                kinds[shape(link)] += 1
                if kinds[shape(link)] <= OF_A_KIND:
                    seen.add(link)
                    waiting.append(link)
        answer.close()
    assert len(seen) > 5
    return wrong


@pytest.fixture
def demo(bench: Bench) -> Any:
    with bench.app.app_context():
        bench._empty()
        db.session.remove()
        fill()
        db.session.remove()
    return bench.app


def test_every_link_of_every_role_leads_somewhere_and_every_page_is_valid(demo: Any) -> None:
    found = {}
    for name in LOGINS:
        client = demo.test_client()
        client.environ_base["REMOTE_ADDR"] = f"10.0.0.{LOGINS.index(name) + 1}"
        assert client.post("/login", data={"username": name, "password": PASSWORD}).status_code == 303
        wrong = crawl(client)
        if wrong:
            found[name] = wrong
    assert found == {}


def test_browsers_find_an_icon_before_they_read_a_page(anonymous: Any) -> None:
    answer = anonymous.get("/favicon.ico")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.data.startswith(b"\x89PNG")
    answer.close()


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("<time data-fill='x'></time>", "says no time"),
        ("<time>soon</time>", "says no time"),
        ("<input type='month' maxlength='9'>", "must not have"),
        ("<select min='1' step='2'></select>", "must not have"),
        ("<input type='text' step='1'>", "must not have"),
        ("<p id='a'></p><p id='a'></p>", "twice"),
        ("<p><b></p>", "closes"),
        ("<a href=''>x</a>", "nowhere"),
        ("<ul><li>x</ul>", "closes"),
    ],
)
def test_the_checker_sees_what_it_is_there_for(page: str, problem: str) -> None:
    assert any(problem in one for one in Page(page).problems)
    assert (
        Page("<time>09:05</time><time datetime='2026-11-29'>today</time><input type='number' min='1'>").problems == []
    )
