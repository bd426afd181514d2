"""Bodies of requests where there is no room, no time, or no place left for them."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fieldapp.serving.bodies import IN_MEMORY_AFTER_ALL, Admission, Body, Bounds, Pace, Receiver
from fieldapp.serving.gateway import Gateway
from fieldapp.serving.limits import FILE, FORM, SHORT, limit_of

MIB = 1024 * 1024


class Line:
    """A client that sends these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


def received(receiver: Receiver, line: Line, announced: int | None, limit: int = 64 * MIB) -> Body:
    async def receive() -> Body:
        return await receiver.receive(line, "a", announced, limit)

    return asyncio.run(receive())


def test_a_long_body_lies_in_a_file_that_has_no_name(tmp_path: Path) -> None:
    body = received(Receiver(tmp_path, Pace(), Bounds(memory=10)), Line(b"a" * 8, b"b" * 8, b"c" * 8), 24)
    assert (body.whole, body.size, body.file.read()) == (True, 24, b"a" * 8 + b"b" * 8 + b"c" * 8)
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_a_form_is_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fieldapp.serving.bodies.TemporaryFile", full)
    receiver = Receiver(tmp_path, Pace(), Bounds(memory=10))
    body = received(receiver, Line(b"a" * 8, b"b" * 8, b"c" * 8), 24)
    assert (body.whole, body.file.read()) == (True, b"a" * 8 + b"b" * 8 + b"c" * 8)
    large = received(receiver, Line(b"x" * IN_MEMORY_AFTER_ALL, b"y"), IN_MEMORY_AFTER_ALL + 1)
    assert (large.whole, large.refused) == (False, 503)


def test_a_disk_that_fills_up_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldapp.serving import bodies

    write, calls = bodies.write_all, []

    def sometimes(file: object, chunk: bytes) -> None:
        calls.append(len(chunk))
        if len(calls) == 2:
            write(file, chunk[:3])
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, chunk)

    monkeypatch.setattr(bodies, "write_all", sometimes)
    body = received(Receiver(tmp_path, Pace(), Bounds(memory=10)), Line(b"a" * 16, b"b" * 8, b"c" * 8), 32)
    assert (body.whole, body.file.read()) == (True, b"a" * 16 + b"b" * 8 + b"c" * 8)


def test_a_cut_body_is_not_whole(tmp_path: Path) -> None:
    body = received(Receiver(tmp_path, Pace(), Bounds()), Line(b"abc", b""), 10)
    assert (body.whole, body.size, body.refused) == (False, 3, None)


def test_more_than_announced_in_chunks_is_refused(tmp_path: Path) -> None:
    body = received(Receiver(tmp_path, Pace(), Bounds()), Line(b"a" * 8, b"b" * 8), None, limit=10)
    assert body.refused == 413


def test_the_pace_allows_a_bad_line_and_no_trickle() -> None:
    pace = Pace(idle=30, grace=60, rate=512, longest=1800)
    assert pace.wait(elapsed=0, received=0) == 30
    # Two kilobytes a second, for as long as a large photo takes.
    assert all(pace.wait(elapsed, received=2000 * elapsed) > 0 for elapsed in range(0, 1790, 10))
    # A byte every twenty seconds.
    assert pace.wait(elapsed=61, received=3) <= 0
    assert pace.wait(elapsed=1800, received=100 * MIB) <= 0


def test_room_is_counted_by_address_and_given_back() -> None:
    admission = Admission(Bounds(bodies=3, bodies_each=2, octets=100, octets_each=60))
    assert admission.enter("a", 50)
    assert not admission.enter("a", 20)
    assert admission.enter("a", 10)
    assert not admission.enter("a", 0)
    assert not admission.enter("b", 50)
    assert admission.enter("b", 40)
    assert not admission.enter("c", 0)
    for address, size in (("a", 50), ("a", 10), ("b", 40)):
        admission.leave(address, size)
    assert (admission.bodies, admission.octets) == (0, 0)
    assert admission.enter("c", 60)


def test_a_body_is_counted_until_its_request_was_answered(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, Pace(), Bounds(bodies_each=2, octets_each=20))
    bodies = [received(receiver, Line(b"a" * 8), 8), received(receiver, Line(b"b" * 3), None, limit=10)]
    # What came in chunks is counted with what came.
    assert (receiver.admission.bodies, receiver.admission.octets) == (2, 11)
    assert received(receiver, Line(b"c"), 1).refused == 503
    for body in bodies:
        receiver.leave("a", body)
        receiver.leave("a", body)
    assert (receiver.admission.bodies, receiver.admission.octets) == (0, 0)
    assert received(receiver, Line(b"c"), 1).whole


class Environ:
    """What granian says of a request for a page."""

    method, path, query_string, http_version, scheme, authority = "GET", "/", "", "1.1", "http", "x"
    server, client = "127.0.0.1:80", "127.0.0.1:9"
    headers: ClassVar[dict[str, str]] = {}


class Sent:
    """Keeps what is handed to granian."""

    def __init__(self) -> None:
        self.body: bytes | Path = b""

    def response_file(self, _status: int, _headers: object, path: str) -> None:
        self.body = Path(path)

    def response_bytes(self, _status: int, _headers: object, body: bytes) -> None:
        self.body = body


def handed_over(folder: Path, answer: Callable[[dict[str, Any]], Any], status: str = "200 OK") -> bytes | Path:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response(status, [])
        return answer(environ)

    async def ask() -> None:
        gateway = Gateway(application, folder, MIB)
        gateway.threads = ThreadPoolExecutor(1)
        await gateway.__rsgi__(Environ(), sent)
        gateway.threads.shutdown()

    sent = Sent()
    asyncio.run(ask())
    return sent.body


def test_a_file_is_sent_from_where_it_lies(tmp_path: Path) -> None:
    photo, folder = tmp_path / "photo.jpg", tmp_path / "incoming"
    folder.mkdir()
    photo.write_bytes(b"x" * MIB)

    def whole(environ: dict[str, Any]) -> Any:
        return environ["wsgi.file_wrapper"](photo.open("rb"))

    assert handed_over(folder, whole) == photo
    assert list(folder.iterdir()) == []
    # A part of a file is none.
    assert handed_over(folder, whole, "206 Partial Content") != photo


def test_a_long_answer_is_sent_from_a_file(tmp_path: Path) -> None:
    sent = handed_over(tmp_path, lambda _: [b"a" * MIB, b"b" * 10])
    assert isinstance(sent, Path)
    assert sent.read_bytes() == b"a" * MIB + b"b" * 10
    assert handed_over(tmp_path, lambda _: [b"a", b"b"]) == b"ab"
    assert handed_over(tmp_path / "none", lambda _: [b"a" * MIB, b"b" * 10]) == b"a" * MIB + b"b" * 10


def test_each_path_has_its_limit() -> None:
    form, files = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
    assert limit_of("POST", "/login", files, 128 * MIB) == SHORT
    assert limit_of("POST", "/sync/push", "application/json", 128 * MIB) == MIB
    assert limit_of("PATCH", "/sync/attachments/1", "", 128 * MIB) == FILE
    assert limit_of("POST", "/expenses/new", form, 128 * MIB) == FORM
    assert limit_of("POST", "/expenses/new", files, 128 * MIB) == 128 * MIB
