"""A page that did not change is not sent again; one that did always is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from fieldapp.field.jobs.models import Job
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db


def again(client: Any, url: str, tag: str, **headers: str) -> Any:
    return client.get(url, headers={"If-None-Match": tag, **headers})


@pytest.fixture
def at_noon() -> Any:
    """Two requests of a test never fall into two minutes."""
    with clock.standing_at(clock.now().replace(second=1)):
        yield


@pytest.mark.parametrize("of", ["list", "job"])
@pytest.mark.parametrize("who", ["tech", "leader"])
def test_nothing_changed(cast: Any, client_of: Any, make_job: Any, send: Any, at_noon: Any, of: str, who: str) -> None:
    job, visit = make_job(cast.tech)
    url = "/jobs" if of == "list" else f"/jobs/{job}"
    client = client_of(getattr(cast, who))
    first = client.get(url)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    same = again(client, url, tag)
    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["ETag"] == tag
    for name in ("X-Fieldapp-User", "Cache-Control", "Vary"):
        assert same.headers[name] == first.headers[name]
    assert send(cast.tech, "visit.set_out", ("visit", visit), {}).outcome == "accepted"
    changed = again(client, url, tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_a_tag_is_one_persons_in_one_language(cast: Any, client_of: Any, make_job: Any, at_noon: Any) -> None:
    make_job(cast.tech, others=(cast.tech2,))
    tag = client_of(cast.tech).get("/jobs").headers["ETag"]
    assert again(client_of(cast.tech), "/jobs", tag).status_code == 304
    assert again(client_of(cast.tech), "/jobs", tag, **{"Accept-Language": "zh-CN"}).status_code == 200
    assert again(client_of(cast.tech), "/jobs", tag, **{"HX-Request": "true"}).status_code == 200
    assert again(client_of(cast.tech), "/jobs?state=done", tag).status_code == 200
    assert again(client_of(cast.tech2), "/jobs", tag).status_code == 200
    assert again(client_of(cast.leader), "/jobs", tag).status_code == 200


def test_compressed_pages_are_the_same_page(cast: Any, client_of: Any, make_job: Any, at_noon: Any) -> None:
    make_job(cast.tech)
    client = client_of(cast.tech)
    page = client.get("/jobs", headers={"Accept-Encoding": "br"})
    assert page.headers["Content-Encoding"] == "br"
    assert again(client, "/jobs", page.headers["ETag"], **{"Accept-Encoding": "br"}).status_code == 304
    assert again(client, "/jobs", f'"other", {page.headers["ETag"]}').status_code == 304


def test_the_next_day_is_another_page(cast: Any, client_of: Any, make_job: Any) -> None:
    make_job(cast.tech)
    client, now = client_of(cast.tech), clock.now()
    tag = client.get("/jobs").headers["ETag"]
    with clock.standing_at(now + timedelta(days=1)):
        assert again(client, "/jobs", tag).status_code == 200


def test_a_list_that_says_how_long_ago_holds_for_its_minute(
    cast: Any, client_of: Any, make_job: Any, at_noon: Any
) -> None:
    make_job(cast.tech)
    client, now = client_of(cast.leader), clock.now()
    planned = client.get("/jobs").headers["ETag"]
    with clock.standing_at(now + timedelta(minutes=1)):
        assert again(client, "/jobs", planned).status_code == 304
    app = client.application
    with app.app_context():
        with writing() as session:
            session.execute(update(Job).values(state="new"))
        db.session.remove()
    tag = client.get("/jobs").headers["ETag"]
    assert again(client, "/jobs", tag).status_code == 304
    with clock.standing_at(now + timedelta(minutes=1)):
        assert again(client, "/jobs", tag).status_code == 200


def test_a_posted_form_makes_every_page_new(cast: Any, client_of: Any, make_job: Any, at_noon: Any) -> None:
    """Also a refused one: the number in the old page is used up."""
    job, visit = make_job(cast.tech)
    client, url = client_of(cast.tech), f"/jobs/{job}"
    tag = client.get(url).headers["ETag"]
    refused = client.post(f"{url}/visits/{visit}/refuse", data={"_op": str(ids.uuid7()), "reason": ""})
    assert refused.status_code == 422
    assert again(client, url, tag).status_code == 200


def test_a_job_that_is_not_yours_has_no_tag(cast: Any, client_of: Any, make_job: Any) -> None:
    job, _ = make_job(cast.tech)
    assert "ETag" not in client_of(cast.other_tech).get(f"/jobs/{job}").headers


def test_few_queries(cast: Any, client_of: Any, make_job: Any, queries: Any, at_noon: Any) -> None:
    """A page that did not change takes one: who asks, and where the trail ends."""
    make_job(cast.tech, others=(cast.tech2,))
    for person in (cast.tech, cast.leader):
        client = client_of(person)
        tag = client.get("/jobs").headers["ETag"]
        with queries() as asked:
            assert again(client, "/jobs", tag).status_code == 304
        assert asked.count <= 1
        with queries() as asked:
            assert client.get("/jobs").status_code == 200
        assert asked.count <= 12
        with queries() as asked:
            assert client.get("/jobs?q=huayu").status_code == 200
        assert asked.count <= 12
