"""Search finds what people have at hand, in both of its ways, inside the list's own bounds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.field.customers import Asset, Contact, Customer
from fieldapp.field.jobs.models import Job, JobAsset
from fieldapp.field.jobs.queries import search
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.icons import icon


@pytest.fixture(params=["few", "many", "more than looked at"], autouse=True)
def way(request: Any, monkeypatch: Any) -> None:
    """All ways of finding must find the same: job by job, along the list, and along it without knowing the kinds."""
    if request.param != "few":
        monkeypatch.setattr(search, "MANY", 0)
    if request.param == "more than looked at":
        monkeypatch.setattr(search, "SEEN", 0)


@pytest.fixture
def rename(app: Any) -> Any:
    def rename(
        job: str,
        name: str = "",
        phone: str = "",
        plate: str = "",
        serial: str = "",
        contact: str = "",
        number: str = "",
    ) -> None:
        with app.app_context():
            with writing() as session:
                found = session.get(Job, job)
                asset = session.get(Asset, session.scalars(select(JobAsset.asset_id).filter_by(job_id=job)).one())
                for record, field, value in (
                    (found, "number", number),
                    (session.get(Customer, found.customer_id), "name", name),
                    (session.get(Customer, found.customer_id), "phone", phone),
                    (session.get(Contact, found.contact_id), "phone", contact),
                    (asset, "plate", plate),
                    (asset, "serial_no", serial),
                ):
                    if value:
                        setattr(record, field, value)
            db.session.remove()

    return rename


def shown(client: Any, query: str, **more: str) -> list[str]:
    """The jobs of the list, in order."""
    answer = client.get("/jobs", query_string={"q": query, **more})
    assert answer.status_code == 200
    return list(dict.fromkeys(re.findall(r'<(?:h2|td[^>]*)><a href="/jobs/([0-9a-f-]{36})"', answer.text)))


@pytest.mark.parametrize(
    ("typed", "hit"),
    [
        ("华豫", True),
        ("豫", True),
        ("州华豫物流（三店）", True),
        ("豫华", False),
        ("豫A·9Z3", True),
        ("豫Ａ９ｚ３", True),
        ("9z321", True),
        ("a9z", True),
        ("SN-77", True),
        ("sn77a", True),
        ("ＳＮ７７", True),
        ("77A", False),
        ("138-1111-2222", True),
        ("１３８１１１１", True),
        ("1111", False),
        ("13733334444", True),
        ("%", False),
        ("_", False),
        ("华_", True),
        ("华%流", False),
        ("\\", False),
        ("x" * 3000, False),
        ("'; drop table job; --", False),
    ],
)
def test_what_finds_a_job(cast: Any, client_of: Any, make_job: Any, rename: Any, typed: str, hit: bool) -> None:
    make_job(cast.tech)
    job, _ = make_job(cast.tech)
    rename(job, "郑州华豫物流(三店)", "138-1111-2222", "豫A·9Z321", "SN-77a/9", "13733334444")
    for person in (cast.tech, cast.leader, cast.agent):
        assert shown(client_of(person), typed) == ([job] if hit else []), typed


def test_a_search_that_finds_nothing_leads_back(cast: Any, client_of: Any, make_job: Any) -> None:
    make_job(cast.tech)
    for person in (cast.tech, cast.leader, cast.agent):
        page = client_of(person).get("/jobs?q=zzzz&state=done").text
        back = re.search(r'href="(/jobs[^"]*)">Clear the search<', page)
        assert back
        assert "q=" not in back[1]
        assert "state=" not in back[1]
    assert "Clear the search" not in client_of(cast.tech2).get("/jobs").text


def test_what_was_looked_for_is_said(cast: Any, client_of: Any, make_job: Any) -> None:
    """Results are called results, with their number; nothing found is calm and looks like no success."""
    make_job(cast.tech)
    tick = str(icon("check"))
    for person in (cast.tech, cast.leader):
        client = client_of(person)
        found = client.get("/jobs?q=huayu").text
        assert re.search(r"<h1>Search results · 1 job</h1>", found)
        assert "Clear the search" in found
        nothing = client.get("/jobs?q=zz%3Ci%3Ezz").text
        assert "Search results · 0 jobs" in nothing
        assert "No job found for “zz&lt;i&gt;zz”." in nothing
        assert tick not in nothing.partition("<main")[2]
        assert "Search in " in nothing
    assert "Search results" not in client_of(cast.tech).get("/jobs").text


def test_the_button_stands_beside_the_field_above_the_list(cast: Any, client_of: Any, make_job: Any) -> None:
    make_job(cast.tech)
    for person in (cast.tech, cast.leader):
        text = client_of(person).get("/jobs").text
        field, button, first = text.index('name="q"'), text.index("Search</button>"), text.index('href="/jobs/')
        assert field < button < first
        assert "<div" not in text[field:button]


def test_a_search_stays_within_what_the_person_may_see(cast: Any, client_of: Any, make_job: Any) -> None:
    mine, _ = make_job(cast.tech)
    theirs, _ = make_job(cast.other_tech, group=cast.other_group)
    assert shown(client_of(cast.leader), "huayu") == shown(client_of(cast.tech), "huayu") == [mine]
    assert shown(client_of(cast.other_leader), "huayu") == [theirs]
    assert shown(client_of(cast.tech2), "huayu") == []
    assert set(shown(client_of(cast.agent), "huayu")) == {mine, theirs}
    assert shown(client_of(cast.agent), "huayu", group="2") == [theirs]


def test_a_search_keeps_the_filters_and_the_pages(
    cast: Any, client_of: Any, make_job: Any, rename: Any, monkeypatch: Any, app: Any
) -> None:
    from fieldapp.platform.web import lists

    monkeypatch.setattr(lists.list_page, "__kwdefaults__", {**lists.list_page.__kwdefaults__, "size": 2})
    jobs = [make_job(cast.tech)[0] for _ in range(5)]
    for number, job in enumerate(jobs):
        rename(job, number=f"W-77{number}")
    rename(make_job(cast.tech)[0], number="W-88")
    with app.app_context():
        with writing() as session:
            session.get(Job, jobs[4]).state = "solved"
        db.session.remove()
    client = client_of(cast.leader)
    assert shown(client, "w-77", state="solved") == [jobs[4]]
    found: list[str] = []
    url = "/jobs?q=77"
    for _ in range(2):
        text = client.get(url).text
        found += list(dict.fromkeys(re.findall(r'<td[^>]*><a href="/jobs/([0-9a-f-]{36})"', text)))
        more = re.search(r'href="(/jobs\?[^"]*after=[^"]*)"', text)
        url = more[1].replace("&amp;", "&") if more else ""
    assert sorted(found) == sorted(jobs[:4])
    assert url == ""


def test_a_job_that_is_found_twice_is_shown_once(cast: Any, client_of: Any, make_job: Any, rename: Any) -> None:
    job, _ = make_job(cast.tech)
    rename(job, "5号5店", phone="5", plate="55", serial="555", contact="5", number="W-5")
    assert shown(client_of(cast.leader), "5") == [job]


def test_a_search_is_two_queries(cast: Any, client_of: Any, make_job: Any, queries: Any) -> None:
    make_job(cast.tech)
    for person in (cast.tech, cast.leader, cast.agent):
        client = client_of(person)
        client.get("/jobs?q=huayu")
        with queries() as counted:
            client.get("/jobs?q=huayu")
        assert counted.count <= 12
        assert sum("search_" in one for one in counted.statements) <= 2
