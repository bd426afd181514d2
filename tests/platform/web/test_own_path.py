"""Redirects to an address that came with the request stay on this site."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.platform.web.own_path import own_path
from tests.support.bench import PASSWORD, Bench

ELSEWHERE = [
    "/\t/evil.com",
    "/\n/evil.com",
    "/\r\n/evil.com",
    "\t//evil.com",
    " //evil.com",
    "//evil.com",
    "///evil.com",
    "////evil.com",
    "/\\evil.com",
    "\\\\evil.com",
    "/\\/evil.com",
    "/%5Cevil.com",
    "/%5c%5cevil.com",
    "/%2Fevil.com",
    "/%252Fevil.com",
    "/%09/evil.com",
    "/%2509/evil.com",
    "/%0D/evil.com",
    "/%0d%0aSet-Cookie:x=1",
    "/%00",
    "/jobs%0a",
    "/jobs?q=%0d%0ax",
    "/jobs#%0a",
    "/.//evil.com",
    "/..//evil.com",
    "/%2e%2e/evil.com",
    "/a/..//evil.com",
    "https://evil.com/",
    "https:/evil.com",
    "https:evil.com",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.com",
    "jobs",
    "?next=x",
    "#x",
    "/jobs x",
    "/jobs%20x",
    "/\u3000/evil.com",
    "/\u2028/evil.com",
    "/\u200b/evil.com",
    "/\u202e/evil.com",
    "/\x7f/evil.com",
    "/\x85/evil.com",
    "/\ud800",
    "//[evil",
    "/" + "x" * 5000,
    "",
]
OWN = [
    "/",
    "/jobs",
    "/jobs/",
    "/outbox?sent=1",
    "/jobs?q=a+b&state=done",
    "/jobs?q=%E5%B7%A5%20%E5%8D%95",
    "/jobs?next=https://example.com//x",
    "/jobs/0193#notes",
    "/\u5de5\u5355",
]


@pytest.mark.parametrize("target", ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_targets_that_are_no_path_of_this_site_lead_home(target: str) -> None:
    assert own_path(target) == "/"


@pytest.mark.parametrize("target", OWN)
def test_paths_of_this_site_are_kept(target: str) -> None:
    assert own_path(target) == target


def as_a_browser_reads(target: str) -> str:
    """What the URL standard strips and replaces before it reads an address."""
    return target.strip("".join(map(chr, range(33)))).translate({9: None, 10: None, 13: None}).replace("\\", "/")


UGLY = st.lists(
    st.one_of(
        st.sampled_from(
            ["/", "//", "\\", "\t", "\r", "\n", "%09", "%0d", "%2f", "%5c", "%25", ".", "..", "@", ":", "?", "#"]
        ),
        st.sampled_from(["evil.com", "https:", "javascript:", "jobs", "\u3000", "\x00", " "]),
        st.characters(),
    ),
    max_size=12,
).map("".join)


@given(UGLY, st.booleans())
def test_no_target_leaves_this_site(rest: str, absolute: bool) -> None:
    target = own_path(f"/{rest}" if absolute else rest)
    for form in (target, as_a_browser_reads(target)):
        assert form.startswith("/")
        assert urlsplit(urljoin("https://ours.example/me", form)).netloc == "ours.example"
        assert not any(ord(one) < 32 or ord(one) == 127 for one in form)


@pytest.mark.parametrize("target", ["/\t/evil.com", "/%0D/x", "/\r/x", "//evil.com"])
def test_login_and_language_lead_home(bench: Bench, client_of: Any, target: str) -> None:
    fresh = bench.app.test_client()
    answer = fresh.post("/login", data={"username": "tech", "password": PASSWORD, "next": target})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    signed_in = client_of(bench.cast.tech)
    answer = signed_in.get(f"/login?next={quote(target, safe='')}")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    answer = signed_in.post("/me/language", data={"language": "en", "next": target})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_target_with_a_null_character_is_no_address(bench: Bench, client_of: Any) -> None:
    assert client_of(bench.cast.tech).get("/login?next=%2F%00").status_code == 400
    answer = bench.app.test_client().post("/login", data={"username": "tech", "password": PASSWORD, "next": "/\x00"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
