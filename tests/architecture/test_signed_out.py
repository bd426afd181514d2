"""After signing out, a copy of the cookie opens nothing: the session ended on the server."""

from __future__ import annotations

import re
from typing import Any

from tests.platform.sync.test_hello import hello
from tests.support.bench import PASSWORD, Bench


def signed_in(bench: Bench) -> tuple[Any, str]:
    """A browser after the log-in form, and a copy of its cookies."""
    client = bench.app.test_client()
    answer = client.post("/login", data={"username": "tech", "password": PASSWORD})
    assert answer.status_code == 303
    cookies = [header.partition(";")[0] for header in answer.headers.getlist("Set-Cookie")]
    assert cookies
    return client, "; ".join(cookies)


def test_an_old_cookie_opens_no_route(bench: Bench) -> None:
    client, cookies = signed_in(bench)
    assert client.get("/jobs").status_code == 200
    assert client.post("/logout").status_code == 303
    thief = bench.app.test_client(use_cookies=False)
    walked = 0
    for rule in bench.app.url_map.iter_rules():
        view = bench.app.view_functions[rule.endpoint]
        if rule.endpoint == "static" or getattr(view, "guard", "public") == "public":
            continue
        address = re.sub(r"<uuid:[^>]*>", "01890000-0000-7000-8000-000000000000", rule.rule)
        address = re.sub(r"<[^>]*>", "x", re.sub(r"<int:[^>]*>", "1", address))
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            answer = thief.open(address, method=method, headers={"Cookie": cookies})
            assert answer.status_code == 302, (method, address, answer.status_code)
            assert "/login" in answer.headers["Location"], address
            walked += 1
    assert walked > 60


def test_an_old_cookie_sends_and_asks_nothing(bench: Bench) -> None:
    client, cookies = signed_in(bench)
    assert hello(bench, client).status_code == 200
    assert client.post("/logout").status_code == 303
    thief = bench.app.test_client(use_cookies=False)
    headers = {"Cookie": cookies}
    assert thief.get("/sync/pack", headers=headers).status_code == 401
    for path, body in (("/sync/push", {"ops": []}), ("/sync/receipts", {"ops": []})):
        assert thief.post(path, json=body, headers=headers).status_code == 401, path
    made = thief.post("/sync/attachments", headers={**headers, "Tus-Resumable": "1.0.0", "Upload-Length": "5"})
    assert made.status_code == 401
