"""The pages on which a job and its equipment are changed: who opens them, what they carry, what they refuse."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.field.customers import Asset
from fieldapp.field.jobs.models import Job, JobAsset, Visit
from fieldapp.kernel import clock, ids
from fieldapp.platform.extensions import db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def place(app: Any, cast: Any, make_job: Any) -> dict[str, str]:
    """A job with its visit and asset, and the addresses of its forms."""
    job, visit = make_job(cast.tech)
    with app.app_context():
        asset = db.session.scalar(select(JobAsset.asset_id).where(JobAsset.job_id == job))
        db.session.remove()
    where = f"/jobs/{job}"
    return {
        "job": job,
        "visit": visit,
        "asset": str(asset),
        "page": where,
        "amend": f"{where}/assets/{asset}",
        "change": f"{where}/change",
        "cancel": f"{where}/cancel",
        "restore": f"{where}/restore",
        "cancel_visit": f"{where}/visits/{visit}/cancel",
        "reassign": f"{where}/visits/{visit}/reassign",
    }


def value(page: str, name: str) -> str:
    """A field of the page's first form, as a browser would send it."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    return html.unescape(found.group(1)) if found else ""


def form(client: Any, url: str, **changes: str) -> dict[str, str]:
    """The form as it stands, with changes."""
    page = client.get(url).text
    data = {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now()), "_base": value(page, "_base")}
    for name in ("visit_id", "title", "planned_start", "planned_minutes", "model", "serial_no", "plate", "sim_no"):
        data[name] = value(page, name)
    for name in ("mounted_at", "warranty_until"):
        data[name] = value(page, name)
    data = {name: words for name, words in data.items() if f'name="{name}"' in page}
    if 'name="urgency"' in page:
        data["urgency"] = "normal"
    return {**data, **changes}


@pytest.mark.parametrize("which", ["change", "cancel", "restore", "cancel_visit", "reassign"])
def test_only_the_groups_leader_opens_them(
    cast: Any, client_of: Any, anonymous: Any, place: dict[str, str], which: str
) -> None:
    assert client_of(cast.leader).get(place[which]).status_code == 200
    assert client_of(cast.tech).get(place[which]).status_code == 403
    assert client_of(cast.other_leader).get(place[which]).status_code == 404
    for person in (cast.agent, cast.manager, cast.quality):
        assert client_of(person).get(place[which]).status_code == 403
    assert anonymous.get(place[which]).status_code == 302


def test_who_opens_the_form_of_equipment(cast: Any, client_of: Any, anonymous: Any, place: dict[str, str]) -> None:
    for person in (cast.tech, cast.leader, cast.agent):
        assert client_of(person).get(place["amend"]).status_code == 200
    for person, status in ((cast.quality, 403), (cast.manager, 403), (cast.tech2, 404), (cast.other_tech, 404)):
        assert client_of(person).get(place["amend"]).status_code == status
    assert anonymous.get(place["amend"]).status_code == 302
    assert client_of(cast.tech).get(f"{place['page']}/assets/{ids.uuid7()}").status_code == 404


def test_the_form_carries_what_the_person_sees(cast: Any, client_of: Any, place: dict[str, str]) -> None:
    page = client_of(cast.tech).get(place["amend"]).text
    base = json.loads(value(page, "_base"))
    assert base["ver"] == 1
    assert base["fields"]["serial_no"] == "8832019"
    assert base["fields"]["sim_no"] is None
    carried = re.search(r'data-base="([^"]*)"', page)
    assert carried is not None
    assert json.loads(html.unescape(carried.group(1))) == base
    assert "Nobody has changed anything yet." in page


def test_a_correction_without_javascript(cast: Any, client_of: Any, app: Any, place: dict[str, str]) -> None:
    client = client_of(cast.tech)
    answer = client.post(place["amend"], data=form(client, place["amend"], serial_no="8840177", note="Loose cable"))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{place['page']}?sent=1")
    page = client.get(place["amend"]).text
    assert "Serial no. 8832019 → 8840177" in page
    assert "Tech Person" in page
    equipment = client.get(f"{place['page']}/equipment", headers=HTMX).text
    assert "8840177" in equipment
    assert "<html" not in equipment


def test_51_two_desks_meet_without_javascript(cast: Any, client_of: Any, app: Any, place: dict[str, str]) -> None:
    """409 with one's own words still typed, both values at the field; sent again it is a decision."""
    client = client_of(cast.tech)
    mine = form(client, place["amend"], serial_no="2222", note="Loose cable")
    desk = client_of(cast.agent)
    assert desk.post(place["amend"], data=form(desk, place["amend"], serial_no="1111", sim_no="77")).status_code == 303
    answer = client.post(place["amend"], data=mine)
    assert answer.status_code == 409
    assert value(answer.text, "serial_no") == "2222"
    assert value(answer.text, "sim_no") == "77"
    assert "Loose cable" in answer.text
    assert "You wrote: 2222. Meanwhile Agent Person wrote: 1111" in html.unescape(answer.text)
    base = json.loads(value(answer.text, "_base"))
    assert base["fields"]["serial_no"] == "1111"
    again = {**mine, "_op": str(ids.uuid7()), "_base": json.dumps(base), "sim_no": "77"}
    assert client.post(place["amend"], data=again).status_code == 303
    with app.app_context():
        asset = db.session.get_one(Asset, place["asset"])
        assert (asset.serial_no, asset.sim_no, asset.note) == ("2222", "77", "Loose cable")
        db.session.remove()


def test_bad_input_is_422_with_everything_still_typed(cast: Any, client_of: Any, place: dict[str, str]) -> None:
    client = client_of(cast.tech)
    seen = value(client.get(place["amend"]).text, "_base")
    data = form(client, place["amend"], serial_no="", plate="", model="M" * 61, mounted_at="Cab")
    answer = client.post(place["amend"], data=data)
    assert answer.status_code == 422
    assert "Please fill this in." in answer.text
    assert "At most 60 characters, please." in answer.text
    assert value(answer.text, "mounted_at") == "Cab"
    # What was emptied stays empty, and what was seen stays what it was.
    assert value(answer.text, "plate") == ""
    assert value(answer.text, "_base") == seen
    for odd in ("", "{", "[]", '{"ver":"x"}', '{"ver":1,"fields":[]}'):
        assert client.post(place["amend"], data={**data, "_base": odd, "_op": str(ids.uuid7())}).status_code == 422


@pytest.mark.parametrize(
    ("which", "data", "expected"),
    [
        ("cancel", {"reason": "Called off"}, ("cancelled", "cancelled")),
        ("cancel_visit", {"reason": "Called off"}, ("cancelled", "new")),
    ],
)
def test_the_leader_cancels(
    cast: Any, client_of: Any, app: Any, place: dict[str, str], which: str, data: dict[str, str], expected: Any
) -> None:
    client = client_of(cast.leader)
    assert client.post(place[which], data=form(client, place[which])).status_code == 422
    assert client.post(place[which], data=form(client, place[which], **data)).status_code == 303
    with app.app_context():
        job = db.session.get_one(Job, place["job"])
        visit = db.session.get_one(Visit, place["visit"])
        assert (visit.state, job.state) == expected
        db.session.remove()
    page = client.get(place["page"]).text
    assert "Called off" in page
    assert ("Take the cancellation back" in page) == (which == "cancel")
    assert "Called off" in client_of(cast.tech).get("/inbox").text


def test_the_leader_takes_it_back_and_gives_it_away(cast: Any, client_of: Any, place: dict[str, str]) -> None:
    client = client_of(cast.leader)
    client.post(place["cancel"], data=form(client, place["cancel"], reason="Called off"))
    assert client.post(place["restore"], data=form(client, place["restore"])).status_code == 303
    refused = client.post(place["reassign"], data=form(client, place["reassign"], technician_id=str(cast.tech.id)))
    assert refused.status_code == 422
    data = form(client, place["reassign"], technician_id=str(cast.tech2.id), reason="Nearer")
    assert client.post(place["reassign"], data=data).status_code == 303
    page = client.get(place["page"]).text
    assert "Tech2 Person · Nearer" in page
    assert "gave a visit of yours to somebody else" in client_of(cast.tech).get("/inbox").text


def test_the_leader_changes_the_job(cast: Any, client_of: Any, place: dict[str, str]) -> None:
    client = client_of(cast.leader)
    data = form(client, place["change"], title="Terminal dead", urgency="emergency")
    assert client.post(place["change"], data=data).status_code == 303
    page = client.get(place["change"]).text
    assert "Urgency Normal → Urgent" in page
    assert "Title Terminal offline → Terminal dead" in page
    summary = client.get(f"{place['page']}/summary", headers=HTMX).text
    assert "Terminal dead" in summary
    assert "<html" not in summary
    bad = client.post(place["change"], data=form(client, place["change"], planned_start="soon"))
    assert bad.status_code == 422


def test_parts_of_the_page_are_only_parts(cast: Any, client_of: Any, place: dict[str, str]) -> None:
    for part in ("summary", "equipment"):
        answer = client_of(cast.tech).get(f"{place['page']}/{part}")
        assert (answer.status_code, answer.headers["Location"]) == (302, place["page"])
        assert client_of(cast.other_tech).get(f"{place['page']}/{part}", headers=HTMX).status_code == 404


def test_what_others_may_not_do_is_not_offered(cast: Any, client_of: Any, place: dict[str, str]) -> None:
    offered = client_of(cast.leader).get(place["page"]).text
    assert all(place[which] in offered for which in ("change", "cancel", "reassign", "amend"))
    tech = client_of(cast.tech).get(place["page"]).text
    assert place["amend"] in tech
    assert not any(place[which] in tech for which in ("change", "cancel", "reassign"))
    quality = client_of(cast.quality).get(place["page"]).text
    assert place["amend"] not in quality


def test_the_forms_of_equipment_are_there_without_signal(
    cast: Any, client_of: Any, send: Any, place: dict[str, str]
) -> None:
    entries = {one["url"]: one["etag"] for one in client_of(cast.tech).get("/sync/pack").json["entries"]}
    assert place["amend"] in entries
    data = {"model": "GT06-N", "serial_no": "8832019", "note": "x"}
    assert send(cast.agent, "asset.amend", ("asset", place["asset"]), data).outcome == "accepted"
    after = {one["url"]: one["etag"] for one in client_of(cast.tech).get("/sync/pack").json["entries"]}
    assert after[place["amend"]] != entries[place["amend"]]
    assert after[place["page"]] != entries[place["page"]]


def test_few_questions(cast: Any, client_of: Any, queries: Any, place: dict[str, str]) -> None:
    for person, which in ((cast.tech, "amend"), (cast.leader, "change"), (cast.leader, "reassign")):
        client = client_of(person)
        client.get(place[which])
        with queries() as asked:
            client.get(place[which])
        assert asked.count <= 12, which
