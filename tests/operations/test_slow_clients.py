"""Slow senders and readers hold no thread: pages are answered, honest uploads arrive, others are aborted."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.operations.slow import Crowd, answered, head_only, picture, piece, signed_in
from tests.support import postgres
from tests.support.server import Server, flask, serving


@pytest.fixture(scope="module")
def prepared(
    database: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str, dict[str, str]]]:
    """Create a folder and a database with the demo data."""
    folder = tmp_path_factory.mktemp("slow") / "data"
    if database[0] == "sqlite":
        assert flask(folder, "prepare", "--demo").returncode == 0
        yield folder, "", {}
        return
    with postgres.another(database[1]) as url:
        assert flask(folder, "prepare", "--demo", url=url).returncode == 0
        yield folder, url, {}


@pytest.fixture(scope="module")
def server(prepared: tuple[Path, str, dict[str, str]]) -> Iterator[Server]:
    folder, url, settings = prepared
    with serving(folder, url, **settings) as server:
        yield server


@pytest.fixture
def hasty(prepared: tuple[Path, str, dict[str, str]], server: Server) -> Iterator[Server]:
    """Run a server that waits one second for a byte. If a folder allows one server, the other is paused."""
    folder, url, _ = prepared
    if not url:
        folder = folder.with_name("hasty")
        assert flask(folder, "prepare", "--demo").returncode == 0
    with serving(folder, url, FIELDAPP_BODY_SECONDS="1") as hasty:
        yield hasty


def everything(line: socket.socket) -> bytes:
    """Return what the server sends until it closes."""
    answer = b""
    while part := line.recv(65536):
        answer += part
    return answer


def test_pages_are_answered_and_uploads_arrive_beside_clients_that_never_send(server: Server) -> None:
    crowd = Crowd(server, go_on=threading.Event())
    crowd.gather(heads=50, pieces=25, posts=25, octets=6_000)
    lead = signed_in(server.port, "lead1")
    try:
        pool = crowd.send(rate=20_000)
        with ThreadPoolExecutor(20) as readers:
            pages = list(readers.map(lambda _: answered(server.port, "/jobs", lead, timeout=30), range(40)))
        assert [status for status, _ in pages] == [200] * 40
        # They were answered while all the others were still under way.
        assert [upload.status for upload in crowd.uploads] == [0] * 50
        crowd.go_on.set()
        pool.shutdown()
    finally:
        crowd.go_on.set()
        crowd.close()
    assert [upload.status for upload in crowd.uploads] == [204] * 25 + [303] * 25
    assert all(b"x-attachment-state: stored" in upload.answer for upload in crowd.uploads[:25])


def test_clients_that_do_not_read_hold_no_thread(server: Server) -> None:
    lead = signed_in(server.port, "lead1")
    script = next((Path(__file__).parents[2] / "static" / "dist").glob("app-*.js")).name
    lines = []
    for _ in range(20):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.connect(("127.0.0.1", server.port))
        ask = f"GET /static/dist/{script} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        line.sendall(ask * 40)
        lines.append(line)
    try:
        assert [answered(server.port, "/jobs", lead, timeout=30)[0] for _ in range(10)] == [200] * 10
    finally:
        for line in lines:
            line.close()


def test_body_that_never_arrives_is_aborted_with_a_message(hasty: Server) -> None:
    with head_only(hasty.port) as line:
        answer = everything(line)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert b"<html" in answer


def test_received_bytes_of_a_chunk_are_kept_if_the_rest_never_arrives(hasty: Server) -> None:
    cookie, data = signed_in(hasty.port, "tech1"), picture(20_000)
    upload = piece(hasty.port, cookie, data)
    half = len(data) // 2
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=60) as line:
        line.sendall(upload.head + data[:half])
        answer = everything(line)
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert f"upload-offset: {half}\r\n".encode() in answer


def test_received_bytes_of_a_chunk_are_kept_if_the_connection_breaks(server: Server) -> None:
    cookie, data = signed_in(server.port, "tech1"), picture(20_000)
    upload = piece(server.port, cookie, data)
    half = len(data) // 2
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(upload.head + data[:half])
    path = upload.head.split(b" ")[1].decode()
    for _ in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("HEAD", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        if answer.getheader("Upload-Offset") == str(half):
            return
        connection.close()
    pytest.fail(f"the half is not here: {answer.getheader('Upload-Offset')}")


def test_cut_form_never_reaches_the_application(server: Server) -> None:
    """Its last fields would be missing without anybody noticing."""
    cookie = signed_in(server.port, "tech1")
    crowd = Crowd(server)
    crowd.gather(heads=0, pieces=0, posts=1, octets=6_000)
    upload = crowd.uploads[0]
    before = listed(server, cookie)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(upload.head + upload.body[:-40])
    assert [answered(server.port, "/healthz")[0] for _ in range(20)] == [200] * 20
    assert listed(server, cookie) == before


def listed(server: Server, cookie: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/expenses", headers={"Cookie": cookie})
    return connection.getresponse().read().count(b'href="/expenses/')


@pytest.mark.parametrize(
    ("path", "content_type", "size"),
    [
        ("/login", "application/x-www-form-urlencoded", 17 * 1024),
        ("/sync/push", "application/json", 1024 * 1024 + 1),
        ("/expenses/new", "application/x-www-form-urlencoded", 4 * 1024 * 1024 + 1),
        ("/rescue", "multipart/form-data; boundary=x", 128 * 1024 * 1024 + 1),
    ],
)
def test_a_body_larger_than_its_path_takes_is_refused(server: Server, path: str, content_type: str, size: int) -> None:
    cookie = signed_in(server.port, "tech1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Type: {content_type}\r\n"
        line.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        if size < 8 * 1024 * 1024:
            line.sendall(b"x" * size)
        answer = everything(line)
    assert answer.startswith(b"HTTP/1.1 413 ")
    if path.startswith("/sync/"):
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["limits"]["batch_bytes"] == 1024 * 1024


def test_a_head_that_is_too_long_is_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(b"GET /login HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n")
        assert line.recv(1000).startswith(b"HTTP/1.1 431 ")


def test_one_address_cannot_hold_all_bodies(server: Server) -> None:
    lines = [head_only(server.port) for _ in range(160)]
    try:
        refused: list[socket.socket] = []
        for line in lines:
            line.setblocking(False)
        for _ in range(200):
            assert answered(server.port, "/login")[0] == 200
            refused = [line for line in lines if readable(line)]
            if len(refused) >= 32:
                break
        assert len(refused) == 32, len(refused)
        refused[0].setblocking(True)
        assert refused[0].recv(100).startswith(b"HTTP/1.1 503 ")
    finally:
        for line in lines:
            line.close()
    # The bodies count until the server has heard of every closed line; then the address may send again.
    cookie = signed_in(server.port, "tech1")
    answers = (chunked(server, "/sync/push", cookie, b'{"ops": []}') for _ in range(200))
    assert any(answer.startswith(b"HTTP/1.1 2") for answer in answers)


def readable(line: socket.socket) -> bool:
    try:
        return bool(line.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_chunked_bodies_are_accepted_for_sync_only(server: Server) -> None:
    cookie = signed_in(server.port, "tech1")
    assert chunked(server, "/sync/push", cookie, b'{"ops": []}').startswith(b"HTTP/1.1 2")
    assert chunked(server, "/expenses/new", cookie, b"kind=fuel").startswith(b"HTTP/1.1 411 ")


def chunked(server: Server, path: str, cookie: str, body: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nConnection: close\r\n"
        head += "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
        line.sendall(head.encode() + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        return everything(line)
