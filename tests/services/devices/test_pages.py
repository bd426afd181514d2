"""Pages of one's own phones and of the phones a leader oversees, with their warnings (D-CASH-2)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.assets import ASSETS
from fieldapp.services.accounts.models import DeviceToken, User
from fieldapp.services.devices import Device
from tests.platform.sync.test_hello import hello
from tests.platform.sync.test_push import capture, push
from tests.support.bench import DEVICE, Bench, Person


def waiting(count: int, days: int = 0, first: int = 1) -> dict[str, Any]:
    oldest = clock.iso(clock.now() - timedelta(days=days, hours=1))
    return {"min_seq": first, "max_seq": first + count - 1, "count": count, "oldest_utc": oldest}


def says(bench: Bench, person: Person, client: Any = None, **over: Any) -> Any:
    return hello(bench, client or bench.client_of(person), user=person.id, **over)


def lose(bench: Bench, person: Person, dev: str = DEVICE) -> Any:
    """Report three numbers used, none of which exists anywhere."""
    client = bench.client_of(person)
    assert says(bench, person, client, dev=dev, next_seq=4, held={}).json["missing_seqs"] == [1, 2, 3]
    return client


# -- my phones -----------------------------------------------------------------------------------------------


def test_nobody_has_a_phone_at_first(bench: Bench) -> None:
    page = bench.client_of(bench.cast.tech).get("/me/devices")
    assert page.status_code == 200
    assert "No phone of yours has been here yet" in page.text


def test_my_phones_say_what_they_hold(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    says(bench, bench.cast.tech, client, dev=str(uuid4()), pending=waiting(2, days=2), display_mode="standalone")
    client.post("/logout")
    client = bench.client_of(bench.cast.tech)
    says(bench, bench.cast.tech, client, persisted=True)
    page = client.get("/me/devices").text
    assert page.count(">this phone<") == 1
    assert "Home screen app" in page
    assert "2 unsent" in page
    assert re.search(r"the oldest <time datetime=\"[^\"]+\" data-ago>", page)
    assert "Protected from clean-up" in page
    assert ids.device_code(DEVICE) in page
    # Failure mode 33: what waits in the other store is said where one looks for it.
    assert "2 records wait in the home screen app" in client.get("/outbox").text


def test_33_empty_other_store_is_not_shown(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    says(bench, bench.cast.tech, client, pending=waiting(2))
    assert "records wait in" not in client.get("/outbox").text


def test_nobody_sees_the_phones_of_others(bench: Bench) -> None:
    says(bench, bench.cast.tech)
    page = bench.client_of(bench.cast.tech2).get("/me/devices").text
    assert ids.device_code(DEVICE) not in page


def test_received_records_are_not_shown_as_unsent(bench: Bench) -> None:
    """Each record that arrives lowers the count of the last hello, without another hello."""
    tech, client = bench.cast.tech, bench.client_of(bench.cast.tech)
    leader, other = bench.client_of(bench.cast.leader), bench.client_of(tech)
    says(bench, tech, other, dev=str(uuid4()))
    says(bench, tech, client, next_seq=4, pending=waiting(3, days=2))
    assert "3 unsent" in leader.get("/phones").text
    assert "3 records wait in another browser" in other.get("/outbox").text
    for seq, left in ((1, 2), (2, 1)):
        assert push(client, capture(bench, ep="0a1b2c3d", seq=seq)).json["results"][0]["outcome"] == "accepted"
        assert f"{left} unsent" in leader.get("/phones?state=unsent").text
        assert f"{left} unsent" in other.get("/me/devices").text
    assert push(client, capture(bench, ep="0a1b2c3d", seq=3)).json["results"][0]["outcome"] == "accepted"
    for who, path in ((leader, "/phones"), (other, "/me/devices"), (other, f"/me/devices/{DEVICE}/sign-out")):
        text = who.get(path).text
        assert not re.search(r"\d unsent", text)
        assert "not arrived" not in text
    for state in ("unsent", "overdue"):
        assert '<tr><td class="nb lead"' not in leader.get(f"/phones?state={state}").text
    assert ids.device_code(DEVICE) not in other.get("/outbox").text


def test_a_lost_answer_leaves_nothing_unsent(bench: Bench) -> None:
    """The record was received before the hello that still counts it, because its response was lost."""
    client = bench.client_of(bench.cast.tech)
    push(client, capture(bench, ep="0a1b2c3d", seq=1))
    says(bench, bench.cast.tech, client, next_seq=2, pending=waiting(1))
    assert "1 unsent" not in bench.client_of(bench.cast.leader).get("/phones").text


def test_earlier_receipts_do_not_hide_unsent_records(bench: Bench) -> None:
    """Of the numbers 1 to 4, 2 had arrived and 3 was discarded before the hello; 1 and 4 are unsent."""
    client, leader = bench.client_of(bench.cast.tech), bench.client_of(bench.cast.leader)
    push(client, capture(bench, ep="0a1b2c3d", seq=2))
    says(bench, bench.cast.tech, client, next_seq=5, pending={**waiting(4), "count": 2})
    assert "2 unsent" in leader.get("/phones").text
    push(client, capture(bench, ep="0a1b2c3d", seq=4))
    assert "1 unsent" in leader.get("/phones").text


# -- signing out ---------------------------------------------------------------------------------------------


def sign_out(client: Any, path: str, user: Person, **over: str) -> Any:
    data = {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now()), "user_id": str(user.id), **over}
    return client.post(path, data=data)


def test_45_a_lost_phone_is_signed_out_by_its_owner(bench: Bench) -> None:
    lost, other = bench.client_of(bench.cast.tech), bench.client_of(bench.cast.tech)
    token = says(bench, bench.cast.tech, lost, pending=waiting(2)).json["token"]
    asked = other.get(f"/me/devices/{DEVICE}/sign-out").text
    assert "2 records on it have not arrived" in asked
    answer = sign_out(other, f"/me/devices/{DEVICE}/sign-out", bench.cast.tech, reason="lost on the way")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me/devices?sent=1")
    # Its session, its token: over. The other phone goes on.
    assert lost.get("/me").status_code == 302
    bare = bench.app.test_client()
    bare.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    assert push(bare, capture(bench)).status_code == 401
    assert other.get("/me").status_code == 200
    assert "Signed out from afar" in other.get("/me/devices").text


def test_45_the_owner_takes_it_back_by_signing_in(bench: Bench) -> None:
    client, silent = bench.client_of(bench.cast.tech), bench.client_of(bench.cast.tech)
    says(bench, bench.cast.tech, client)
    sign_out(client, f"/me/devices/{DEVICE}/sign-out", bench.cast.tech)
    # A session from before, on a phone that had not said who it was.
    assert says(bench, bench.cast.tech, silent).status_code == 401
    assert silent.get("/me").status_code == 302
    from tests.support.bench import PASSWORD

    client.post("/login", data={"username": "tech", "password": PASSWORD})
    assert says(bench, bench.cast.tech, client).json["token"]
    assert "Signed out from afar" not in client.get("/me/devices").text


@pytest.mark.parametrize("role", ["leader", "manager", "admin"])
def test_45_who_oversees_the_group_may_sign_a_phone_out(bench: Bench, role: str) -> None:
    says(bench, bench.cast.tech)
    client = bench.client_of(getattr(bench.cast, role))
    path = f"/phones/{DEVICE}/{bench.cast.tech.id}/sign-out"
    assert client.get(path).status_code == 200
    assert sign_out(client, path, bench.cast.tech).status_code == 303
    with bench.app.app_context():
        assert db.session.query(DeviceToken).count() == 0
        assert db.session.query(Device).one().revoked_by == getattr(bench.cast, role).id
    assert "signed out your phone" in bench.client_of(bench.cast.tech).get("/inbox").text


@pytest.mark.parametrize("role", ["tech2", "other_leader", "finance", "hr"])
def test_other_people_may_not_sign_a_phone_out(bench: Bench, role: str) -> None:
    says(bench, bench.cast.tech)
    person = getattr(bench.cast, role)
    client = bench.client_of(person)
    path = f"/phones/{DEVICE}/{bench.cast.tech.id}/sign-out"
    assert client.get(path).status_code in {403, 404}
    assert client.get(f"/me/devices/{DEVICE}/sign-out").status_code == 404
    data = {"user_id": bench.cast.tech.id}
    assert bench.send(person, "device.revoke", ("device", DEVICE), data).outcome == "rejected"
    assert bench.send(person, "device.acknowledge", ("device", DEVICE), {**data, "count": 3}).outcome == "rejected"


@pytest.mark.parametrize("user", ["", "x", "-1", "99999999999999999999"])
def test_malformed_phone_commands_are_refused(bench: Bench, user: str) -> None:
    says(bench, bench.cast.tech)
    client = bench.client_of(bench.cast.tech)
    answer = sign_out(client, f"/me/devices/{DEVICE}/sign-out", bench.cast.tech, user_id=user)
    assert answer.status_code == 422
    assert client.get(f"/me/devices/{uuid4()}/sign-out").status_code == 404
    assert bench.client_of(bench.cast.admin).get(f"/phones/{DEVICE}/99999999999/sign-out").status_code == 404


# -- the leader's overview -----------------------------------------------------------------------------------


def test_the_leader_sees_whose_phone_still_holds_records(bench: Bench) -> None:
    says(bench, bench.cast.tech, pending=waiting(7, days=3), persisted=False)
    says(bench, bench.cast.tech2, now=clock.iso(clock.now() - timedelta(minutes=20)))
    says(bench, bench.cast.other_tech, pending=waiting(5))
    page = bench.client_of(bench.cast.leader).get("/phones").text
    assert "7 unsent" in page
    assert re.search(r"the oldest <time datetime=\"[^\"]+\" data-ago>", page)
    assert "clock 20 minutes slow" in page
    assert "Not protected" in page
    old = '<span class="tag soon">old version</span>'
    assert page.count(old) == 2
    assert bench.cast.other_tech.name not in page
    with bench.app.app_context():
        build = ASSETS().build
    says(bench, bench.cast.tech, build=build)
    assert (
        bench.client_of(bench.cast.leader).get("/phones").text.count('<span class="tag soon">old version</span>') == 1
    )
    everything = bench.client_of(bench.cast.manager).get("/phones").text
    assert bench.cast.other_tech.name in everything
    assert "5 unsent" in everything


@pytest.mark.parametrize(
    ("state", "shown"),
    [("", 3), ("unsent", 2), ("overdue", 1), ("lost", 1), ("old", 3), ("nonsense", 0)],
)
def test_the_list_is_narrowed(bench: Bench, state: str, shown: int) -> None:
    cast = bench.cast
    says(bench, cast.tech, pending=waiting(1, days=3))
    says(bench, cast.tech2, dev=str(uuid4()), pending=waiting(1))
    lose(bench, cast.leader, dev=str(uuid4()))
    page = bench.client_of(cast.leader).get(f"/phones?state={state}").text
    assert len(re.findall('<tr><td class="nb lead"', page)) == shown
    item = bench.client_of(cast.manager).get(f"/phones?q={cast.tech2.name}&group=1").text
    assert len(re.findall('<tr><td class="nb lead"', item)) == 1
    none = bench.client_of(cast.manager).get("/phones?q=%25&group=x").text
    assert "No phone fits this." in none


def test_the_list_of_phones_is_empty_at_first(bench: Bench) -> None:
    assert "No phone of your group" in bench.client_of(bench.cast.leader).get("/phones").text


@pytest.mark.parametrize("role", ["tech", "finance", "agent", "hr", "quality", "executive"])
def test_phones_page_requires_oversight(bench: Bench, role: str) -> None:
    client = bench.client_of(getattr(bench.cast, role))
    assert client.get("/phones").status_code == 403
    assert client.get("/phones/closed").status_code == 403
    assert "/phones" not in re.findall(r'href="([^"]*)"', client.get("/me").text)


def test_the_overview_is_a_link_of_the_personal_page_and_a_fragment(bench: Bench) -> None:
    client = bench.client_of(bench.cast.leader)
    assert 'href="/phones"' in client.get("/me").text
    part = client.get("/phones", headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<section id="_phones"')


def _fill(bench: Bench, count: int) -> None:
    with bench.app.app_context(), writing() as session:
        for number in range(count):
            row = Device(dev=str(uuid4()), ep="0a1b2c3d", user_id=bench.cast.tech.id, build="b", display_mode="browser")
            row.first_seen_at = row.last_seen_at = clock.now() - timedelta(minutes=number)
            row.next_seq, row.missing, row.missing_count = 5, [1, 2], 2
            row.unsent, row.oldest_at = 1, clock.now() - timedelta(days=2)
            session.add(row)


def test_no_more_queries_for_a_longer_list(bench: Bench, queries: Any) -> None:
    leader, tech = bench.client_of(bench.cast.leader), bench.client_of(bench.cast.tech)
    assert leader.get("/phones").status_code == 200
    counts = []
    for size in (1, 70):
        _fill(bench, size)
        for client, path in ((leader, "/phones"), (leader, "/inbox"), (tech, "/me/devices"), (tech, "/outbox")):
            with queries() as counted:
                assert client.get(path).status_code == 200
            assert counted.count <= 12, path
            counts.append((size, path, counted.count))
    half = len(counts) // 2
    for (_, path, few), (_, _, many) in zip(counts[:half], counts[half:], strict=True):
        # A list that is longer than a page is counted in a query of its own.
        assert many == few + (path == "/phones"), path
    first = leader.get("/phones")
    further = re.search(r'href="(/phones\?after=[^"]+)"', first.text)
    assert further
    seen = set(re.findall(r"/phones/([0-9a-f-]{36})/", first.text))
    assert len(seen) == 30
    assert not seen & set(re.findall(r"/phones/([0-9a-f-]{36})/", leader.get(further[1]).text))


# -- what was lost -------------------------------------------------------------------------------------------


def acknowledge(client: Any, page: str, path: str) -> Any:
    """Press the button of a page as drawn on the outbox page."""
    form = re.search(rf'<form method="post" action="({path}[^"]*/acknowledge)".*?</form>', page, re.DOTALL)
    assert form, "no button"
    return client.post(form[1], data=dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[0])))


def test_31_loss_stays_with_the_leader_after_the_technician_acknowledged_it(bench: Bench) -> None:
    client = lose(bench, bench.cast.tech)
    ref = ids.short_reference(DEVICE, 2)
    for path in ("/outbox", "/jobs", "/inbox"):
        assert ref in client.get(path).text, path
    assert "Records missing from your phone: 3 (" in client.get("/inbox").text
    leader = bench.client_of(bench.cast.leader)
    assert "Records are missing from 1 phone." in leader.get("/inbox").text
    assert "has not seen it yet" in leader.get("/phones").text

    answer = acknowledge(client, client.get("/outbox").text, "/phones/")
    assert answer.headers["Location"] == "/outbox?sent=1"
    assert "never arrived" not in client.get("/outbox").text
    assert "never arrived" not in client.get("/jobs").text
    assert ref in client.get("/me/devices").text
    page = leader.get("/phones").text
    assert ref in page
    assert "saw it" in page

    assert acknowledge(leader, page, "/phones/").headers["Location"] == "/phones?sent=1"
    assert "Records are missing" not in leader.get("/inbox").text
    page = leader.get("/phones?state=lost").text
    assert ref in page
    assert "dealt with" in page


def test_31_acknowledgement_does_not_cover_later_losses(bench: Bench) -> None:
    client = lose(bench, bench.cast.tech)
    shown = client.get("/outbox").text
    says(bench, bench.cast.tech, client, next_seq=6, held={})
    assert acknowledge(client, shown, "/phones/").status_code == 303
    assert f"5 records of your phone {ids.device_code(DEVICE)} never arrived" in client.get("/outbox").text


def test_31_late_arrival_clears_the_loss(bench: Bench) -> None:
    client = lose(bench, bench.cast.tech)
    leader = bench.client_of(bench.cast.leader)
    refs = [ids.short_reference(DEVICE, seq) for seq in (1, 2, 3)]
    push(client, capture(bench, seq=2))
    page = leader.get("/phones").text
    assert [ref in page for ref in refs] == [True, False, True]
    push(client, capture(bench, seq=1), capture(bench, seq=3))
    assert "missing:" not in leader.get("/phones").text
    assert says(bench, bench.cast.tech, client, next_seq=4, held={}).json["missing_refs"] == []
    for page in (leader.get("/inbox").text, client.get("/outbox").text):
        assert "never arrived" not in page
        assert "Records are missing from" not in page


def test_a_new_loss_makes_a_page_that_was_unchanged_anew(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    tag = client.get("/jobs").headers["ETag"]
    assert client.get("/jobs", headers={"If-None-Match": tag}).status_code == 304
    says(bench, bench.cast.tech, client, next_seq=4, held={})
    again = client.get("/jobs", headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert ids.short_reference(DEVICE, 1) in again.text


def test_a_leaders_board_is_made_anew_when_a_phone_begins_to_hold_old_records(bench: Bench) -> None:
    """Nothing else has happened meanwhile that would make the kept page a different one."""
    tech, leader = bench.client_of(bench.cast.tech), bench.client_of(bench.cast.leader)
    says(bench, bench.cast.tech, tech)
    tag = leader.get("/jobs").headers["ETag"]
    assert leader.get("/jobs", headers={"If-None-Match": tag}).status_code == 304
    says(bench, bench.cast.tech, tech, pending=waiting(2, days=2), next_seq=3)
    again = leader.get("/jobs", headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert "1 phone has held records for more than a day." in again.text
    # Said once, however often the phone reports.
    says(bench, bench.cast.tech, tech, pending=waiting(2, days=2), next_seq=3)
    with bench.app.app_context():
        actions = list(db.session.scalars(select(AuditEntry.action).where(AuditEntry.agg_type == "device")))
    assert actions == ["device.delay"]


def test_a_leaders_board_is_new_once_a_phone_has_held_records_for_a_day(bench: Bench) -> None:
    """They become overdue by themselves."""
    now = clock.local(clock.now()).replace(hour=12, second=1)
    with clock.standing_at(now):
        leader = bench.client_of(bench.cast.leader)
        says(bench, bench.cast.tech, pending=waiting(2), next_seq=3)
        page = leader.get("/jobs")
        assert "held records for more than a day" not in page.text
    with clock.standing_at(now + timedelta(seconds=50)):
        assert leader.get("/jobs", headers={"If-None-Match": page.headers["ETag"]}).status_code == 304
    with clock.standing_at(now + timedelta(hours=23, minutes=30)):
        overdue = leader.get("/jobs", headers={"If-None-Match": page.headers["ETag"]})
        assert overdue.status_code == 200
        assert "1 phone has held records for more than a day." in overdue.text


# -- closed accounts -----------------------------------------------------------------------------------------


def test_44_records_of_a_closed_account_are_taken_in_and_shown_to_the_leader(bench: Bench) -> None:
    tech = bench.cast.tech
    token = says(bench, tech).json["token"]
    with bench.app.app_context(), writing() as session:
        session.get_one(User, tech.id).active = False
    phone = bench.app.test_client()
    phone.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    body = capture(bench)
    assert push(phone, body).json["results"][0]["outcome"] == "accepted"
    assert push(phone, body).json["results"][0]["replayed"] is True
    assert says(bench, tech, phone).json["token"] is None
    for path in ("/me", "/jobs", "/sync/pack"):
        assert phone.get(path).status_code in {302, 401}, path
    leader = bench.client_of(bench.cast.leader)
    assert leader.get("/inbox").text.count(">Records of Tech Person that arrived after the account was closed: 1<") == 1
    page = leader.get("/phones/closed").text
    assert "Tech Person" in page
    assert "Received" in page
    assert "There are none." in bench.client_of(bench.cast.other_leader).get("/phones/closed").text
    assert "Tech Person" in bench.client_of(bench.cast.manager).get("/phones/closed").text


def test_44_not_from_a_phone_that_was_reported_lost(bench: Bench) -> None:
    tech = bench.cast.tech
    token = says(bench, tech).json["token"]
    with bench.app.app_context(), writing() as session:
        session.get_one(User, tech.id).active = False
    path = f"/phones/{DEVICE}/{tech.id}/sign-out"
    assert sign_out(bench.client_of(bench.cast.leader), path, tech).status_code == 303
    phone = bench.app.test_client()
    phone.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    assert push(phone, capture(bench)).status_code == 401
