"""Capture-only token of a phone (ADR 19, failure modes 39, 41, 43, 44, 45)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import sessions
from fieldapp.services.accounts.models import DeviceToken, User
from tests.platform.sync.test_attachments import create
from tests.platform.sync.test_hello import hello
from tests.platform.sync.test_push import capture, push
from tests.support.bench import DEVICE, Bench, Person


def bearing(bench: Bench, token: str, client: Any = None) -> Any:
    """Return a client, without a session or the given one, that sends this token."""
    client = client or bench.app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def issued(bench: Bench, client: Any = None, person: Any = None) -> str:
    person = person or bench.cast.tech
    token = hello(bench, client or bench.client_of(person), user=person.id).json["token"]
    assert len(token) > 40
    return str(token)


def age(bench: Bench, days: int) -> None:
    with bench.app.app_context(), writing() as session:
        for row in session.scalars(select(DeviceToken)):
            row.issued_at = row.issued_at - timedelta(days=days)


def hashes(bench: Bench) -> int:
    with bench.app.app_context():
        return db.session.query(DeviceToken).count()


def test_39_token_sends_records_after_the_session_ended(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    bearing(bench, issued(bench, client), client)
    with bench.app.app_context(), writing() as session:
        sessions.end_all_of(session, "password", bench.cast.tech.id)
    assert client.get("/me").status_code == 302
    body = capture(bench)
    note, _ = bench.photo("receipt")
    assert push(client, body).json["results"][0]["outcome"] == "accepted"
    assert hello(bench, client).json["user"] == bench.cast.tech.id
    assert client.post("/sync/receipts", json={"ops": []}).status_code == 200
    assert create(client, note).status_code == 201
    assert client.head(f"/sync/attachments/{note['id']}").status_code == 200


def test_a_token_opens_nothing_else(bench: Bench) -> None:
    phone = bearing(bench, issued(bench))
    assert phone.get("/sync/pack").status_code == 401
    for path in ("/me", "/jobs", "/inbox", "/me/devices", "/outbox", "/attachments/" + str(uuid4())):
        answer = phone.get(path)
        assert answer.status_code == 302, path
        assert "X-Fieldapp-User" not in answer.headers
    assert phone.post("/inbox/read").status_code == 302
    assert phone.post("/sync/anything").status_code == 401


def test_a_token_makes_no_session(bench: Bench) -> None:
    phone = bearing(bench, issued(bench))
    for answer in (hello(bench, phone), push(phone, capture(bench))):
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]


def test_41_session_takes_precedence_over_a_token(bench: Bench) -> None:
    other = bearing(bench, issued(bench), bench.client_of(bench.cast.tech2))
    assert hello(bench, other).json["user"] == bench.cast.tech2.id
    result = push(other, capture(bench)).json["results"][0]
    assert result["outcome"] == "wrong_user"
    with bench.app.app_context():
        assert db.session.query(Receipt).count() == 0


def test_41_a_token_sends_only_its_owners_records(bench: Bench) -> None:
    phone = bearing(bench, issued(bench))
    assert push(phone, capture(bench, bench.cast.tech2)).json["results"][0]["outcome"] == "wrong_user"
    assert hello(bench, phone, user=bench.cast.tech2.id).json["token"] is None


def test_40_a_cross_site_request_is_refused_with_a_token_too(bench: Bench) -> None:
    phone = bearing(bench, issued(bench))
    answer = phone.post("/sync/push", json={"ops": []}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert phone.post("/sync/push", json={"ops": []}, headers={"Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic dGVjaDp4", "Bearer \u00e9", "x" * 5000])
def test_what_is_no_token_is_a_401_in_json(bench: Bench, header: str) -> None:
    phone = bench.app.test_client()
    answer = phone.post("/sync/push", json={"ops": []}, headers={"Authorization": header})
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "session.needed")
    assert answer.headers["X-Fieldapp"]


def test_guessing_is_slowed_down_and_hurts_nobody_else(bench: Bench) -> None:
    good = bearing(bench, issued(bench))
    answers = [push(bearing(bench, f"guess-{n}")).status_code for n in range(70)]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert push(bearing(bench, "guess")).headers["Retry-After"]
    assert push(good, capture(bench)).status_code == 200
    assert push(bench.app.test_client()).status_code == 401


def test_only_the_token_hash_is_stored(bench: Bench) -> None:
    token = issued(bench)
    with bench.app.app_context():
        row = db.session.query(DeviceToken).one()
        assert (row.dev, row.user_id) == (DEVICE, bench.cast.tech.id)
        assert token not in repr(vars(row))


def test_phone_with_a_fresh_token_gets_no_new_one(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    bearing(bench, issued(bench, client), client)
    assert hello(bench, client).json["token"] is None
    assert hello(bench, client, dev=str(uuid4())).json["token"], "another store has one of its own"


def test_old_token_stays_valid_until_its_successor_is_used(bench: Bench) -> None:
    old = issued(bench)
    assert push(bearing(bench, old), capture(bench)).status_code == 200
    age(bench, 8)
    lost = hello(bench, bearing(bench, old)).json["token"]
    assert lost
    # That answer was lost: the phone comes with the old one again, as often as it takes.
    for _ in range(12):
        new = hello(bench, bearing(bench, old)).json["token"]
        assert push(bearing(bench, old), capture(bench)).status_code == 200
    assert hashes(bench) <= 6
    assert push(bearing(bench, new), capture(bench)).status_code == 200
    assert push(bearing(bench, old), capture(bench)).status_code == 401
    assert push(bearing(bench, lost), capture(bench)).status_code == 401
    assert hashes(bench) == 1


def test_45_token_alone_gets_no_token_for_another_phone(bench: Bench) -> None:
    phone = bearing(bench, issued(bench))
    assert hello(bench, phone, dev=str(uuid4())).json["token"] is None
    age(bench, 8)
    assert hello(bench, phone, dev=str(uuid4())).json["token"] is None
    assert hello(bench, phone).json["token"]


def test_token_use_is_recorded_beside_a_session(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    old = issued(bench, client)
    hello(bench, bearing(bench, old, client))
    age(bench, 8)
    new = bearing(bench, hello(bench, client).json["token"], client)
    push(new, capture(bench))
    assert push(bearing(bench, old), capture(bench)).status_code == 200, "not with every record"
    hello(bench, new)
    assert push(bearing(bench, old), capture(bench)).status_code == 401


def test_43_signing_out_ends_the_token_with_the_session(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    token = issued(bench, client)
    client.post("/logout")
    assert push(bearing(bench, token), capture(bench)).status_code == 401
    assert hashes(bench) == 0


def test_43_signing_out_on_one_phone_leaves_the_others(bench: Bench) -> None:
    here, there = bench.client_of(bench.cast.tech), bench.client_of(bench.cast.tech)
    issued(bench, here)
    token = hello(bench, there, dev=str(uuid4())).json["token"]
    here.post("/logout")
    assert push(bearing(bench, token), capture(bench)).status_code == 200


def test_44_receipt_marks_records_of_a_closed_account(bench: Bench) -> None:
    token = issued(bench)
    push(bearing(bench, token), capture(bench))
    with bench.app.app_context(), writing() as session:
        session.get_one(User, bench.cast.tech.id).active = False
    phone = bearing(bench, token)
    late = push(phone, capture(bench), capture(bench, at={"utc": clock.iso(clock.now()), "tz": "UTC"}))
    assert [result["outcome"] for result in late.json["results"]] == ["accepted", "accepted"]
    with bench.app.app_context():
        flags = db.session.scalars(select(Receipt.author_inactive).order_by(Receipt.received_at, Receipt.seq))
        assert list(flags) == [False, True, True]


def decision(bench: Bench, person: Person) -> str:
    """Return a command that requires a session and that its author may execute."""
    job, _ = bench.make_job()
    return bench.envelope(person, "job.cancel", ("job", job), {"reason": "Not needed"})


def outcomes(answer: Any) -> list[tuple[str, str | None]]:
    return [(result["outcome"], result["code"]) for result in answer.json["results"]]


def close_account(bench: Bench, person: Person) -> None:
    with bench.app.app_context(), writing() as session:
        session.get_one(User, person.id).active = False


def test_a_token_brings_own_work_and_no_decision(bench: Bench) -> None:
    leader = bench.cast.leader
    client = bench.client_of(leader)
    phone = bearing(bench, issued(bench, client, leader))
    body = decision(bench, leader)
    answer = push(phone, body, capture(bench, leader))
    assert outcomes(answer) == [("busy", "session.needed"), ("accepted", None)]
    assert outcomes(push(phone, body)) == [("busy", "session.needed")]
    # The same bytes, once its author is signed in; then the token may ask for the receipt.
    assert outcomes(push(client, body)) == [("accepted", None)]
    assert [result["replayed"] for result in push(phone, body).json["results"]] == [True]


def test_a_token_closes_no_account(bench: Bench) -> None:
    admin, victim = bench.cast.admin, bench.cast.tech2
    phone = bearing(bench, issued(bench, person=admin))
    body = bench.envelope(admin, "user.deactivate", ("user", str(UUID(int=victim.id))), {})
    assert outcomes(push(phone, body)) == [("busy", "session.needed")]
    with bench.app.app_context():
        assert db.session.get_one(User, victim.id).active is True


def test_held_decision_sent_with_a_session_continues_when_a_token_sends_its_dependency(bench: Bench) -> None:
    leader = bench.cast.leader
    client = bench.client_of(leader)
    phone = bearing(bench, issued(bench, client, leader))
    parent = capture(bench, leader)
    body = json.dumps({**json.loads(decision(bench, leader)), "depends": [json.loads(parent)["op"]]})
    assert outcomes(push(phone, body)) == [("busy", "session.needed")]
    assert outcomes(push(client, body)) == [("held", None)]
    assert outcomes(push(phone, body)) == [("held", None)]
    assert outcomes(push(phone, parent)) == [("accepted", None)]
    assert outcomes(push(phone, body)) == [("accepted", None)]


def test_the_hello_says_whether_somebody_is_signed_in(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    answer = hello(bench, client).json
    assert answer["signed_in"] is True
    assert hello(bench, bearing(bench, answer["token"])).json["signed_in"] is False


@pytest.mark.parametrize("by_token", [True, False])
def test_44_a_closed_account_decides_nothing_any_more(bench: Bench, by_token: bool) -> None:
    leader = bench.cast.leader
    job, visit = bench.make_job(technician=leader)
    phone = bearing(bench, issued(bench, person=leader))
    close_account(bench, leader)
    bodies = [
        bench.envelope(leader, "job.dispatch", ("visit", str(ids.uuid7())), {"job_id": job}),
        bench.envelope(leader, "job.cancel", ("job", job), {"reason": "Not needed"}),
        bench.envelope(leader, "visit.cancel", ("visit", visit), {"reason": "Not needed"}),
        bench.envelope(leader, "waiting_record.accept", ("waiting_record", str(ids.uuid7())), {}),
        bench.envelope(leader, "visit.accept", ("visit", visit), {}),
        capture(bench, leader),
    ]
    if by_token:
        results = outcomes(push(phone, *bodies))
    else:
        results = [(result.outcome, result.code) for result in bench.push(leader, *bodies)]
    assert results == [("rejected", "account.closed")] * 4 + [("accepted", None)] * 2
