"""What an answer says about itself, and what it need not say."""

from __future__ import annotations

from tests.support.bench import PASSWORD, Bench

ZIPPED = {"Accept-Encoding": "br, gzip"}


def test_a_short_answer_is_left_as_it_is(bench: Bench) -> None:
    answer = bench.client_of(bench.cast.tech).post("/sync/receipts", json={"ops": []}, headers=ZIPPED)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert "Cookie" in answer.headers["Vary"]


def test_a_long_one_is_compressed(bench: Bench) -> None:
    answer = bench.client_of(bench.cast.tech).get("/jobs", headers=ZIPPED)
    assert answer.headers["Content-Encoding"] == "br"
    assert {"Cookie", "Accept-Encoding"} <= {one.strip() for one in answer.headers["Vary"].split(",")}


def test_a_phone_that_roams_and_a_browser_that_was_renewed_stay_signed_in(bench: Bench) -> None:
    client = bench.app.test_client()
    client.post("/login", data={"username": "tech", "password": PASSWORD})
    client.get("/jobs")
    elsewhere = client.get(
        "/jobs", headers={"User-Agent": "Renewed/2"}, environ_overrides={"REMOTE_ADDR": "198.51.100.7"}
    )
    assert elsewhere.status_code == 200
    assert "Set-Cookie" not in elsewhere.headers
