"""A session's cookie is believed while its signature and its age are good, however often it was read before."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from itsdangerous import URLSafeTimedSerializer

from fieldapp.platform.web.cookies import SessionCookies

DAY = 24 * 3600


def signed(monkeypatch: pytest.MonkeyPatch, age: float, key: str = "key") -> str:
    with monkeypatch.context() as patched:
        moment = time.time() - age
        patched.setattr("itsdangerous.timed.time.time", lambda: moment)
        return str(URLSafeTimedSerializer(key).dumps({"_user_id": "7:abc", "_fresh": True}))


@pytest.fixture
def cookies() -> SessionCookies:
    return SessionCookies(URLSafeTimedSerializer("key"), timedelta(days=30))


def test_what_was_signed_is_read_again_and_again(cookies: SessionCookies, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = signed(monkeypatch, 29 * DAY)
    for _ in range(2):
        held, at = cookies.read(cookie) or ({}, None)
        assert held == {"_user_id": "7:abc", "_fresh": True}
        assert at is not None
        # What a request does with its session stays with it.
        held["_user_id"] = "8:def"


@pytest.mark.parametrize("age", [31 * DAY, -60])
def test_too_old_or_of_the_future(cookies: SessionCookies, monkeypatch: pytest.MonkeyPatch, age: float) -> None:
    cookie = signed(monkeypatch, age)
    assert cookies.read(cookie) is None
    assert cookies.read(cookie) is None


def test_a_known_cookie_grows_old(cookies: SessionCookies, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = signed(monkeypatch, 30 * DAY - 60)
    assert cookies.read(cookie) is not None
    cookies._longest = timedelta(days=29)
    assert cookies.read(cookie) is None


def test_what_nobody_signed(cookies: SessionCookies, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = signed(monkeypatch, 0)
    turned = ("A" if cookie[0] != "A" else "B") + cookie[1:]
    for one in ("", "x", "a.b.c", turned, "\x00", "\u6c34", signed(monkeypatch, 0, "another")):
        assert cookies.read(one) is None, one
