"""Sessions are database rows: they end on the server, in every process, at once (ADR 29)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from fieldapp import create_app
from fieldapp.config import Config, Lifetime
from fieldapp.kernel import clock, ids
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import sessions
from fieldapp.services.accounts.models import DeviceToken, User, UserSession
from fieldapp.services.accounts.sessions import browser_of, network_of
from tests.platform.sync.test_hello import hello
from tests.platform.sync.test_push import capture, push
from tests.platform.sync.test_token import bearing
from tests.support.audit import logged
from tests.support.bench import PASSWORD, Bench, Person

CHROME = "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"


def sign_in(bench: Bench, client: FlaskClient | None = None, username: str = "tech", **headers: str) -> FlaskClient:
    client = client or bench.app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    answer = client.post("/login", data={"username": username, "password": PASSWORD}, headers=headers)
    assert answer.status_code == 303, answer.text
    return client


def with_cookie(client: FlaskClient, app: Any) -> FlaskClient:
    """Return a client of `app` with a copy of the cookie of `client`."""
    cookie = client.get_cookie("session")
    assert cookie is not None
    copy: FlaskClient = app.test_client()
    copy.set_cookie("session", cookie.value)
    return copy


def rows(bench: Bench, person: Person) -> list[UserSession]:
    with bench.app.app_context():
        query = select(UserSession).where(UserSession.user_id == person.id).order_by(UserSession.id)
        rows = list(db.session.scalars(query))
        db.session.expunge_all()
        db.session.remove()
    return rows


def posted() -> dict[str, str]:
    return {"_op": str(ids.uuid7()), "_issued": clock.iso(clock.now())}


def test_a_copied_cookie_is_worth_nothing_after_signing_out(bench: Bench) -> None:
    client = sign_in(bench)
    thief = with_cookie(client, bench.app)
    assert thief.get("/me").status_code == 200
    assert client.post("/logout").status_code == 303
    assert thief.get("/me").status_code == 302
    assert push(thief, capture(bench)).status_code == 401


def test_ended_session_ends_in_every_process(bench: Bench) -> None:
    data = Path(bench.app.config["DATA"])
    url = bench.app.config["SQLALCHEMY_DATABASE_URI"]
    another = create_app(Config(data=data, database_url="" if url.startswith("sqlite") else url, testing=True))
    client = sign_in(bench)
    there = with_cookie(client, another)
    tag = there.get("/jobs").headers["ETag"]
    assert there.get("/jobs", headers={"If-None-Match": tag}).status_code == 304
    client.post("/logout")
    assert there.get("/jobs", headers={"If-None-Match": tag}).status_code == 302
    with another.app_context():
        db.engine.dispose()


def test_the_database_holds_no_cookie(bench: Bench) -> None:
    client = sign_in(bench, None, **{"User-Agent": CHROME})
    with client.session_transaction() as cookie:
        secret = cookie["_user_id"]
    assert len(secret) > 40
    row = rows(bench, bench.cast.tech)[0]
    assert secret not in repr(vars(row))
    assert (row.hash, row.browser, row.address) == (sessions.digest(secret), "Chrome · Android", "127.0.0.x")


@pytest.mark.parametrize("value", ["1:k", "1:", "", "x" * 5000, "\u6c34", None])
def test_cookies_of_earlier_versions_lead_to_the_sign_in_page(bench: Bench, value: Any) -> None:
    client = bench.app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = value
    assert client.get("/me").status_code == 302
    assert client.post("/logout").status_code == 303


def test_a_session_that_is_not_used_runs_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client, start = sign_in(bench), clock.now()
    for days, status in ((29, 200), (58, 200), (89, 302)):
        monkeypatch.setattr(clock, "now", lambda days=days: start + timedelta(days=days))
        assert client.get("/me").status_code == status, days


def test_no_session_lasts_for_ever(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client, start = sign_in(bench), clock.now()
    for days in range(20, 180, 20):
        monkeypatch.setattr(clock, "now", lambda days=days: start + timedelta(days=days))
        assert client.get("/me").status_code == 200, days
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(days=181))
    assert client.get("/me").status_code == 302


def test_the_use_of_a_session_is_noted_once_in_a_while(
    bench: Bench, queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in(bench)
    before = rows(bench, bench.cast.tech)[0].seen_at
    later = clock.now() + timedelta(minutes=20)
    monkeypatch.setattr(clock, "now", lambda: later)
    with queries() as first:
        client.get("/me")
    with queries() as second:
        client.get("/me")
    assert [entry for entry in first.statements if entry.startswith("UPDATE session")]
    assert not [entry for entry in second.statements if entry.startswith("UPDATE session")]
    assert rows(bench, bench.cast.tech)[0].seen_at > before


def test_session_person_and_roles_are_one_statement(bench: Bench, queries: Any) -> None:
    client = bench.client_of(bench.cast.tech)
    client.get("/me")
    with queries() as q:
        assert client.get("/add").status_code == 200
    assert [entry for entry in q.statements if "session" in entry] == [
        entry for entry in q.statements if "membership" in entry
    ]
    assert len([entry for entry in q.statements if "membership" in entry]) == 1


def test_signing_in_over_somebody_ends_their_session(bench: Bench) -> None:
    """On a shared phone the first person's offline sign-out never reached the server."""
    client = sign_in(bench)
    left = with_cookie(client, bench.app)
    sign_in(bench, client, "tech2")
    assert left.get("/me").status_code == 302
    assert [row.ended_how for row in rows(bench, bench.cast.tech)] == ["replaced"]


def test_43_sign_out_after_the_session_ended_still_deletes_the_token(bench: Bench) -> None:
    client = sign_in(bench)
    token = hello(bench, client).json["token"]
    with bench.app.app_context(), writing() as session:
        sessions.end_all_of(session, "password", bench.cast.tech.id)
    assert push(bearing(bench, token), capture(bench)).status_code == 200
    client.post("/logout")
    assert push(bearing(bench, token), capture(bench)).status_code == 401


def test_39_records_on_a_phone_with_an_ended_session_are_accepted(bench: Bench) -> None:
    phone, desk = sign_in(bench), sign_in(bench)
    token = hello(bench, phone).json["token"]
    desk.post("/me/sessions/end-others", data=posted())
    assert phone.get("/me").status_code == 302
    result = push(bearing(bench, token, phone), capture(bench)).json["results"][0]
    assert result["outcome"] == "accepted"


def test_45_a_hello_of_an_ended_session_gets_no_token(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session ends between reading the person and answering the hello."""
    from fieldapp.platform.sync import devices

    client = sign_in(bench)
    here = devices.sessions.on_phone

    def meanwhile(session: Any, session_id: str, dev: str) -> bool:
        session.execute(update(UserSession).values(ended_at=clock.now()))
        return here(session, session_id, dev)

    monkeypatch.setattr(devices.sessions, "on_phone", meanwhile)
    assert hello(bench, client).status_code == 401
    with bench.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(DeviceToken)) == 0


# -- the page ------------------------------------------------------------------------------------------------


def test_my_sessions_are_listed_with_this_one_marked(bench: Bench, queries: Any) -> None:
    client, other = sign_in(bench, None, **{"User-Agent": CHROME}), sign_in(bench)
    sign_in(bench, username="tech2")
    hello(bench, other)
    with queries() as q:
        page = client.get("/me/devices").text
    assert q.count <= 12, q.statements
    assert page.count(">this one<") == 1
    assert page.count('id="session-') == 2
    assert "Chrome · Android" in page
    assert "127.0.0.x" in page
    assert "Sign out everywhere else" in page


def test_one_session_is_ended_and_the_others_go_on(bench: Bench) -> None:
    mine, lost, third = (sign_in(bench) for _ in range(3))
    ids_ = [row.id for row in rows(bench, bench.cast.tech)]
    answer = mine.post(f"/me/sessions/{ids_[1]}/end", data=posted())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me/devices?sent=1")
    assert [entry.get("/me").status_code for entry in (mine, lost, third)] == [200, 302, 200]


def test_all_others_are_ended_and_this_one_goes_on(bench: Bench) -> None:
    mine, *others = (sign_in(bench) for _ in range(3))
    stranger = sign_in(bench, username="tech2")
    assert mine.post("/me/sessions/end-others", data=posted()).status_code == 303
    assert mine.get("/me").status_code == stranger.get("/me").status_code == 200
    assert {entry.get("/me").status_code for entry in others} == {302}


def test_late_command_ends_no_session_begun_after_it(bench: Bench) -> None:
    sign_in(bench)
    (row,) = rows(bench, bench.cast.tech)
    device_time = {"utc": clock.iso(clock.now() - timedelta(hours=1)), "tz": "UTC", "offset_ms": 0, "offset_age_s": 5}
    client = sign_in(bench)
    result = bench.send(bench.cast.tech, "session.end_others", ("session", row.id), {}, at=device_time)
    assert result.outcome == "accepted"
    assert client.get("/me").status_code == 200


@pytest.mark.parametrize("kind", ["session.end", "session.end_others"])
def test_nobody_ends_sessions_of_others(bench: Bench, kind: str) -> None:
    client = sign_in(bench)
    (row,) = rows(bench, bench.cast.tech)
    for person in (bench.cast.tech2, bench.cast.leader, bench.cast.admin):
        result = bench.send(person, kind, ("session", row.id), {})
        assert (result.outcome, result.code) == ("rejected", "record.not_allowed")
    assert bench.send(bench.cast.tech2, kind, ("session", str(ids.uuid7())), {}).outcome == "rejected"
    assert client.get("/me").status_code == 200


def test_sign_ins_and_sign_outs_are_in_the_audit_log(bench: Bench) -> None:
    client = sign_in(bench, None, **{"User-Agent": CHROME})
    client.post("/logout")
    page = sign_in(bench).get("/me/devices").text
    assert "Signed out" in page
    with bench.app.app_context():
        actions = list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
        entries = logged()
    assert actions == ["user.sign_in", "user.sign_out", "user.sign_in"]
    assert entries[0].after == {"browser": "Chrome · Android", "network": "127.0.0.x"}
    assert "127.0.0.1" not in repr(entries)


def test_a_sign_in_deletes_some_of_the_old_rows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        bench.session_of(bench.cast.tech)
    old = clock.now() - timedelta(days=100)
    with bench.app.app_context(), writing() as session:
        session.execute(update(UserSession).values(seen_at=old))
    monkeypatch.setattr(sessions, "DELETE_AT_ONCE", 3)
    sign_in(bench)
    assert len(rows(bench, bench.cast.tech)) == 3
    sign_in(bench)
    assert len(rows(bench, bench.cast.tech)) == 2


def test_no_living_session_is_deleted_however_long_it_may_rest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bench.app.config, "SESSION_LASTS", Lifetime(timedelta(days=366), timedelta(days=3660)))
    resting = sign_in(bench)
    with bench.app.app_context(), writing() as session:
        session.execute(update(UserSession).values(seen_at=clock.now() - timedelta(days=200)))
    sign_in(bench)
    assert len(rows(bench, bench.cast.tech)) == 2
    assert resting.get("/me").status_code == 200
    with bench.app.app_context(), writing() as session:
        session.execute(update(UserSession).values(seen_at=clock.now() - timedelta(days=367)))
    sign_in(bench)
    assert len(rows(bench, bench.cast.tech)) == 1


def test_a_closed_account_has_no_session(bench: Bench) -> None:
    client = sign_in(bench)
    with bench.app.app_context(), writing() as session:
        session.execute(update(User).values(active=False))
    assert client.get("/me").status_code == 302


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (CHROME, "Chrome · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537.36 Edg/140.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 13) Chrome/116 Mobile Safari/537.36 MicroMessenger/8.0", "WeChat · Android"),
        ("curl/8", ""),
        ("", ""),
    ],
)
def test_browsers_by_name(agent: str, words: str) -> None:
    assert browser_of(agent) == words


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.77", "203.0.113.x"), ("2001:db8:1:2::5", "2001:db8:1::x"), ("", ""), ("unix", "")],
)
def test_addresses_are_shortened(address: str, network: str) -> None:
    assert network_of(address) == network
