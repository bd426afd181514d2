"""A page that is known not to have changed is answered in front of the application, and only then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from fieldapp.field.jobs.models import Job
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web import known
from fieldapp.platform.web.known import KnownPages
from fieldapp.services.accounts.models import Membership, User, UserSession


@pytest.fixture
def pages(app: Any, monkeypatch: Any) -> KnownPages:
    """What stands in front of the application, knowing nothing yet."""
    front = app.wsgi_app
    assert isinstance(front, KnownPages)
    front.pages.clear()
    return front


@pytest.fixture
def at_noon() -> Any:
    """Two requests of a test never fall into two minutes."""
    with clock.standing_at(clock.now().replace(second=1)):
        yield


@pytest.fixture
def ask(pages: KnownPages, monkeypatch: Any) -> Callable[..., tuple[int, bool]]:
    """`ask(client, url, tag)` → status, and whether the application was asked."""

    def ask(client: Any, url: str, tag: str, **headers: str) -> tuple[int, bool]:
        asked = []
        inner = pages.inner
        with monkeypatch.context() as patched:
            patched.setattr(pages, "inner", lambda *given: (asked.append(1), inner(*given))[1])
            answer = client.get(url, headers={"If-None-Match": tag, **headers})
        assert answer.status_code in {200, 302, 304}
        if answer.status_code == 304:
            assert answer.data == b""
            assert answer.headers["ETag"] in tag
        return answer.status_code, bool(asked)

    return ask


def kept(client: Any, url: str = "/jobs") -> str:
    """The tag of a page that the process knows."""
    client.get(url)
    return str(client.get(url).headers["ETag"])


def change(app: Any, *statements: Any) -> None:
    with app.app_context():
        with writing() as session:
            for statement in statements:
                session.execute(statement)
        db.session.remove()


def test_an_unchanged_page_does_not_reach_the_application(
    cast: Any, client_of: Any, make_job: Any, ask: Any, at_noon: Any
) -> None:
    make_job(cast.tech)
    for person in (cast.tech, cast.leader):
        client = client_of(person)
        tag = kept(client)
        page = client.get("/jobs")
        assert ask(client, "/jobs", tag) == (304, False)
        same = client.get("/jobs", headers={"If-None-Match": f'"x", {tag}'})
        for name in ("X-Fieldapp-User", "Cache-Control", "Vary", "Content-Security-Policy", "ETag"):
            assert same.headers[name] == page.headers[name]
        assert "Content-Length" not in same.headers or same.headers["Content-Length"] == "0"


def test_what_came_over_the_door_makes_it_another(
    cast: Any, client_of: Any, make_job: Any, send: Any, ask: Any, at_noon: Any
) -> None:
    _, visit = make_job(cast.tech)
    client = client_of(cast.tech)
    tag = kept(client)
    assert send(cast.tech, "visit.set_out", ("visit", visit), {}).outcome == "accepted"
    assert ask(client, "/jobs", tag) == (200, True)


@pytest.mark.parametrize("what", ["name", "role", "group", "closed", "signed out everywhere"])
def test_the_person_is_read_anew(
    cast: Any, client_of: Any, make_job: Any, app: Any, ask: Any, at_noon: Any, what: str
) -> None:
    make_job(cast.tech)
    client = client_of(cast.leader)
    tag = kept(client)
    user, roles = update(User).where(User.id == cast.leader.id), Membership.user_id == cast.leader.id
    change(
        app,
        {
            "name": user.values(name="Another"),
            "role": update(Membership).where(roles).values(role="agent"),
            "group": update(Membership).where(roles).values(group_id=cast.other_group),
            "closed": user.values(active=False),
            "signed out everywhere": update(UserSession).values(ended_at=clock.now()),
        }[what],
    )
    expected = 302 if what in {"closed", "signed out everywhere"} else 200
    assert ask(client, "/jobs", tag) == (expected, True)


def test_a_person_without_roles_any_more_sees_nothing(
    cast: Any, client_of: Any, make_job: Any, app: Any, ask: Any, at_noon: Any
) -> None:
    make_job(cast.tech)
    client = client_of(cast.tech)
    tag = kept(client)
    change(app, delete(Membership).where(Membership.user_id == cast.tech.id))
    answer = client.get("/jobs", headers={"If-None-Match": tag})
    assert answer.status_code == 403


def test_a_tag_is_good_for_its_person_its_address_and_its_language(
    cast: Any, client_of: Any, make_job: Any, ask: Any, at_noon: Any
) -> None:
    make_job(cast.tech, others=(cast.tech2,))
    client, other = client_of(cast.tech), client_of(cast.tech2)
    tag = kept(client)
    kept(other)
    assert ask(other, "/jobs", tag) == (200, True)
    assert ask(client, "/jobs?state=done", tag) == (200, True)
    assert ask(client, "/jobs", tag, **{"Accept-Language": "zh-CN"}) == (200, True)
    assert ask(client, "/jobs", tag, **{"HX-Request": "true"}) == (200, True)
    client.set_cookie("language", "zh_Hant")
    assert ask(client, "/jobs", tag) == (200, True)


def test_the_clock_is_asked(cast: Any, client_of: Any, make_job: Any, app: Any, ask: Any, at_noon: Any) -> None:
    make_job(cast.tech)
    change(app, update(Job).values(state="new"))
    now = clock.now()
    leader, tech = client_of(cast.leader), client_of(cast.tech)
    ago, plain = kept(leader), kept(tech)
    assert ask(leader, "/jobs", ago) == ask(tech, "/jobs", plain) == (304, False)
    with clock.standing_at(now + timedelta(minutes=1)):
        assert ask(leader, "/jobs", ago) == (200, True)
        assert ask(tech, "/jobs", plain) == (304, False)
    with clock.standing_at(now + timedelta(days=1)):
        assert ask(tech, "/jobs", plain) == (200, True)


def test_a_cookie_that_is_old_or_not_ours_goes_to_the_application(
    cast: Any, client_of: Any, make_job: Any, ask: Any, at_noon: Any, monkeypatch: Any
) -> None:
    make_job(cast.tech)
    client = client_of(cast.tech)
    tag = kept(client)
    with monkeypatch.context() as patched:
        patched.setattr(known, "RENEW", timedelta(seconds=-5))
        assert ask(client, "/jobs", tag) == (304, True)
    client.set_cookie("session", client.get_cookie("session").value[:-2] + "xx")
    assert ask(client, "/jobs", tag) == (302, True)
    client.delete_cookie("session")
    assert ask(client, "/jobs", tag) == (302, True)


def test_a_database_that_does_not_answer_is_the_applications_to_explain(
    cast: Any, client_of: Any, make_job: Any, ask: Any, pages: KnownPages, at_noon: Any, monkeypatch: Any
) -> None:
    make_job(cast.tech)
    client = client_of(cast.tech)
    tag = kept(client)
    monkeypatch.setattr(pages, "reader", lambda user: 1 / 0)
    assert ask(client, "/jobs", tag) == (304, True)


def test_few_pages_are_kept(
    cast: Any, client_of: Any, make_job: Any, pages: KnownPages, at_noon: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(known, "KEPT", 3)
    make_job(cast.tech)
    client = client_of(cast.tech)
    for number in range(6):
        client.get(f"/jobs?q={number}")
    client.get("/jobs?q=" + "x" * 500)
    assert len(pages.pages) == 3
    client.get("/jobs?q=5")
    assert len(pages.pages) == 3
