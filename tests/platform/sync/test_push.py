"""`/sync/push`, used by a phone and by an attacker (docs/sync-protocol.md)."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from fieldapp.kernel import clock, ids
from tests.support.bench import Bench


def capture(bench: Bench, person: Any = None, amount: str = "46.00", **over: Any) -> str:
    item = str(ids.uuid7())
    data = {
        "id": item,
        "kind": "local_transport",
        "amount": amount,
        "spent_on": clock.today().isoformat(),
        "note": "bus",
    }
    return bench.envelope(person or bench.cast.tech, "expense_item.capture", ("expense_item", item), data, **over)


def push(client: Any, *bodies: str) -> Any:
    return client.post("/sync/push", json={"ops": list(bodies)})


def test_one_result_an_operation_after_the_commit(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    bodies = [capture(bench) for _ in range(50)]
    answer = push(client, *bodies)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["X-Fieldapp"] == client.get("/healthz").headers["X-Fieldapp"]
    results = answer.json["results"]
    assert [r["op"] for r in results] == [json.loads(b)["op"] for b in bodies]
    assert {r["outcome"] for r in results} == {"accepted"}
    keys = {"op", "sha256", "outcome", "replayed", "ref", "ver", "problems", "current", "needs", "code"}
    assert keys == set(results[0])


def test_1_lost_response_is_returned_again(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    body = capture(bench)
    first = push(client, body).json["results"][0]
    again = push(client, body).json["results"][0]
    assert {**first, "replayed": True} == again
    results = client.post("/sync/receipts", json={"ops": [first["op"], str(ids.uuid7())]}).json["results"]
    assert [r["op"] for r in results] == [first["op"]]


def test_51_operations_are_too_many(bench: Bench) -> None:
    answer = push(bench.client_of(bench.cast.tech), *[capture(bench) for _ in range(51)])
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "push.too_many")
    assert answer.json["limits"]["batch_ops"] == 50


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"ops":1}', b'{"ops":[1]}', b"\xff\xfe", b"[" * 50_000])
def test_20_broken_json_is_a_400_in_json(bench: Bench, body: bytes) -> None:
    answer = bench.client_of(bench.cast.tech).post("/sync/push", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "request.unreadable")
    assert "X-Fieldapp" in answer.headers


def test_gzip_is_understood(bench: Bench) -> None:
    body = gzip.compress(json.dumps({"ops": [capture(bench)]}).encode())
    client = bench.client_of(bench.cast.tech)
    answer = client.post("/sync/push", data=body, content_type="application/json", headers={"Content-Encoding": "gzip"})
    assert answer.json["results"][0]["outcome"] == "accepted"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_gzip_bomb_is_refused_before_it_is_decompressed(bench: Bench, encoding: str) -> None:
    import zlib

    plain = b"0" * 200_000_000
    body = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    client = bench.client_of(bench.cast.tech)
    answer = client.post(
        "/sync/push", data=body, content_type="application/json", headers={"Content-Encoding": encoding}
    )
    assert answer.status_code == 413


def test_a_request_over_a_mebibyte_is_refused(bench: Bench) -> None:
    answer = push(bench.client_of(bench.cast.tech), "x" * 1_100_000)
    assert answer.status_code == 413


def test_malformed_gzip_is_unreadable(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    answer = client.post("/sync/push", data=b"nonsense", headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 400
    assert client.post("/sync/push", data=b"x", headers={"Content-Encoding": "br"}).status_code == 415


@pytest.mark.parametrize("path", ["/sync/push", "/sync/hello", "/sync/receipts", "/sync/pack", "/sync/attachments"])
def test_15_signed_out_is_json_and_never_a_redirect(bench: Bench, path: str) -> None:
    client = bench.app.test_client()
    answer = client.get(path) if path.endswith("pack") else client.post(path, json={"ops": []})
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "session.needed")
    assert "X-Fieldapp" in answer.headers


def test_41_another_persons_envelope_in_my_session(bench: Bench) -> None:
    body = capture(bench, bench.cast.tech2)
    assert push(bench.client_of(bench.cast.tech), body).json["results"][0]["outcome"] == "wrong_user"
    assert push(bench.client_of(bench.cast.tech2), body).json["results"][0]["outcome"] == "accepted"


def test_cross_site_pushes_are_refused(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        answer = client.post("/sync/push", json={"ops": [capture(bench)]}, headers=headers)
        assert answer.status_code == 403


def test_37_a_database_that_takes_no_writes_is_a_503(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldapp.platform.sync.routes import push as module

    def full(*_: Any, **__: Any) -> Any:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(module, "execute", full)
    answer = push(bench.client_of(bench.cast.tech), capture(bench))
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "server.busy")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("size", [1, 50])
def test_a_push_takes_the_same_few_statements_for_one_record_as_for_fifty(
    bench: Bench, queries: Any, size: int
) -> None:
    """Statements: the person; known ids and clock; receipts, effects, audit entries, contents, and the head twice.

    No setting is read: an expense of the day on which it is written cannot be too old.
    """
    client = bench.client_of(bench.cast.tech)
    push(client, capture(bench))
    bodies = [capture(bench) for _ in range(size)]
    with queries() as q:
        answer = push(client, *bodies)
    assert {result["outcome"] for result in answer.json["results"]} == {"accepted"}
    locks = [item for item in q.statements if "advisory" in item]
    assert q.count - len(locks) == 9, q.statements
    assert len(locks) <= 1
    assert not [item for item in q.statements if item.startswith("UPDATE receipt")]


def test_a_replay_writes_nothing(bench: Bench, queries: Any) -> None:
    client = bench.client_of(bench.cast.tech)
    bodies = [capture(bench) for _ in range(50)]
    push(client, *bodies)
    with queries() as q:
        answer = push(client, *bodies)
    assert all(result["replayed"] for result in answer.json["results"])
    assert {item.split()[0] for item in q.statements} == {"SELECT"}
