"""Sign-in and sign-out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import NullPool, create_engine, text

from fieldapp.kernel import clock
from fieldapp.platform import database
from fieldapp.platform.extensions import db
from tests.support.bench import PASSWORD, Bench


def sign_in(bench: Bench, **over: str) -> object:
    client = bench.app.test_client()
    return client.post("/login", data={"username": "tech", "password": PASSWORD, **over})


def test_name_and_password_open_the_first_screen(bench: Bench) -> None:
    answer = sign_in(bench)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "over", [{"password": "wrong"}, {"username": "nobody"}, {"password": ""}, {"username": "x" * 10_000}]
)
def test_wrong_credentials_are_refused_and_the_name_is_kept(bench: Bench, over: dict[str, str]) -> None:
    answer = sign_in(bench, **over)
    assert answer.status_code == 422
    assert f'value="{over.get("username", "tech")[:60]}"' in answer.text
    assert PASSWORD not in answer.text


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere", "javascript:x"]
)
def test_redirect_after_sign_in_stays_on_this_site(bench: Bench, target: str) -> None:
    assert sign_in(bench, next=target).headers["Location"] == "/"


def test_sign_in_redirects_to_the_requested_page(bench: Bench) -> None:
    client = bench.app.test_client()
    assert client.get("/outbox").headers["Location"] == "/login?next=/outbox"
    assert sign_in(bench, next="/outbox").headers["Location"] == "/outbox"


def test_sign_out_ends_the_session_and_keeps_client_storage(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    answer = client.post("/logout")
    assert answer.status_code == 303
    assert "Clear-Site-Data" not in answer.headers
    assert client.get("/me").status_code == 302


def test_closing_an_account_takes_effect_at_once(bench: Bench) -> None:
    from fieldapp.platform.commandbus import writing
    from fieldapp.services.accounts.models import User

    client = bench.client_of(bench.cast.tech)
    assert client.get("/me").status_code == 200
    with bench.app.app_context(), writing() as session:
        session.get_one(User, bench.cast.tech.id).active = False
    assert client.get("/me").status_code == 302
    assert sign_in(bench).status_code == 422


def test_the_language_is_chosen_per_browser(bench: Bench) -> None:
    client = bench.app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    assert 'lang="en"' in client.get("/login").text
    client.post("/me/language", data={"language": "zh_Hans", "next": "/login"})
    assert 'lang="zh-Hans"' in client.get("/login").text
    assert client.post("/me/language", data={"language": "xx"}).status_code == 303


def test_without_a_preference_it_is_chinese(bench: Bench) -> None:
    assert 'lang="zh-Hans"' in bench.app.test_client().get("/login").text


def test_the_cookie_of_a_session_in_use_is_renewed_once_a_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client = bench.app.test_client()
    client.post("/login", data={"username": "tech", "password": PASSWORD})
    assert "Set-Cookie" not in client.get("/me").headers
    tomorrow = clock.now() + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    renewed = client.get("/me").headers["Set-Cookie"]
    assert "Expires" in renewed
    assert "Set-Cookie" not in client.get("/me").headers


def test_a_restarted_database_is_noticed_before_a_rested_connection_is_used(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bench.client_of(bench.cast.tech)
    assert client.get("/me").status_code == 200
    monkeypatch.setattr(database, "IDLE", 0)
    with bench.app.app_context():
        if db.engine.dialect.name == "postgresql":
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            with create_engine(db.engine.url, poolclass=NullPool).connect() as connection:
                ended = connection.execute(text(others + "AND pid <> pg_backend_pid()")).all()
            assert ended
        else:
            db.engine.dispose()
    assert client.get("/me").status_code == 200
