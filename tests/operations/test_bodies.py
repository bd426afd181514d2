"""Request bodies without disk space, time or a free slot."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fieldapp.platform.serving.bodies import IN_MEMORY_AFTER_ALL, Admission, Body, Bounds, Pace, Receiver
from fieldapp.platform.serving.gateway import Gateway
from fieldapp.platform.serving.limits import FILE, FORM, SHORT, limit_of
from fieldapp.platform.web.refused import REFUSED

MIB = 1024 * 1024


class Line:
    """Client that sends these chunks."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


def received(receiver: Receiver, line: Line, announced: int | None, limit: int = 64 * MIB) -> Body:
    async def receive() -> Body:
        return await receiver.receive(line, "a", announced, limit)

    return asyncio.run(receive())


def test_long_body_is_kept_in_an_unnamed_file(tmp_path: Path) -> None:
    body = received(Receiver(tmp_path, Pace(), Bounds(memory=10)), Line(b"a" * 8, b"b" * 8, b"c" * 8), 24)
    assert (body.whole, body.size, body.file.read()) == (True, 24, b"a" * 8 + b"b" * 8 + b"c" * 8)
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_a_form_is_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fieldapp.platform.serving.bodies.TemporaryFile", full)
    receiver = Receiver(tmp_path, Pace(), Bounds(memory=10))
    body = received(receiver, Line(b"a" * 8, b"b" * 8, b"c" * 8), 24)
    assert (body.whole, body.file.read()) == (True, b"a" * 8 + b"b" * 8 + b"c" * 8)
    large = received(receiver, Line(b"x" * IN_MEMORY_AFTER_ALL, b"y"), IN_MEMORY_AFTER_ALL + 1)
    assert (large.whole, large.refused) == (False, 503)


def test_disk_that_fills_up_during_a_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldapp.platform.serving import bodies

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


def test_pace_allows_a_slow_connection_but_no_trickle() -> None:
    pace = Pace(idle=30, grace=60, rate=512, longest=1800)
    assert pace.wait(elapsed=0, received=0) == 30
    # Two kilobytes a second, for as long as a large photo takes.
    assert all(pace.wait(elapsed, received=2000 * elapsed) > 0 for elapsed in range(0, 1790, 10))
    # A byte every twenty seconds.
    assert pace.wait(elapsed=61, received=3) <= 0
    assert pace.wait(elapsed=1800, received=100 * MIB) <= 0


def test_admission_counts_bodies_by_address() -> None:
    admission = Admission(Bounds(bodies=3, bodies_each=2, octets=100, octets_each=60))
    assert admission.enter("a", 50)
    assert not admission.enter("a", 20)
    assert admission.enter("a", 10)
    assert not admission.enter("a", 0)
    assert not admission.enter("b", 50)
    assert admission.enter("b", 40)
    assert not admission.enter("c", 0)
    admission.leave("a", 50)
    assert admission.enter("a", 50), "an address has room again once one of its bodies is gone"
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
    """Request scope as granian passes it, for a page or for a form with a body of this size."""

    method, path, query_string, http_version, scheme, authority = "GET", "/", "", "1.1", "http", "x"
    server, client = "127.0.0.1:80", "127.0.0.1:9"

    def __init__(self, size: int = 0) -> None:
        self.method = "POST" if size else "GET"
        self.headers = {"content-length": str(size)} if size else {}


class Client(Line):
    """Client that sends these chunks and records the response."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(*pieces)
        self.status = 0
        self.body: bytes | Path = b""

    def response_file(self, status: int, _headers: object, path: str) -> None:
        self.status, self.body = status, Path(path)

    def response_bytes(self, status: int, _headers: object, body: bytes) -> None:
        self.status, self.body = status, body

    def response_empty(self, status: int, _headers: object) -> None:
        self.status = status


def asked(gateway: Gateway, client: Client, environ: Environ, after: Callable[[], Any] = lambda: None) -> None:
    """Run one request and return its response; then run `after` while the worker is alive."""

    async def ask() -> None:
        gateway.threads = ThreadPoolExecutor(1)
        await gateway.__rsgi__(environ, client)
        gateway.threads.shutdown()
        async with asyncio.timeout(60):
            while after():
                await asyncio.sleep(0.01)

    asyncio.run(ask())


def handed_over(folder: Path, answer: Callable[[dict[str, Any]], Any], status: str = "200 OK") -> bytes | Path:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response(status, [])
        return answer(environ)

    client = Client()
    asked(Gateway(application, folder, MIB), client, Environ())
    return client.body


@pytest.mark.parametrize(("fails", "status"), [(False, 200), (True, 500)])
def test_body_is_counted_while_the_application_runs(tmp_path: Path, fails: bool, status: int) -> None:
    during: list[tuple[int, int]] = []
    bodies: list[Any] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        during.append((admission.bodies, admission.octets))
        bodies.append(environ["wsgi.input"])
        assert environ["wsgi.input"].read() == b"a=b"
        if fails:
            raise RuntimeError("on purpose")
        start_response("200 OK", [])
        return [b"ok"]

    gateway, client = Gateway(application, tmp_path, MIB), Client(b"a=", b"b")
    admission = gateway.receiver.admission
    asked(gateway, client, Environ(3))
    assert (client.status, during) == (status, [(1, 3)])
    assert (admission.bodies, admission.octets) == (0, 0)
    assert [body.closed for body in bodies] == [True], "its file goes with it"


def test_cut_form_reaches_no_application_and_is_not_counted(tmp_path: Path) -> None:
    called: list[object] = []
    gateway, client = Gateway(lambda *args: called.append(args), tmp_path, MIB), Client(b"a=")
    asked(gateway, client, Environ(3))
    assert (client.status, called) == (400, [])
    assert (gateway.receiver.admission.bodies, gateway.receiver.admission.octets) == (0, 0)


@pytest.mark.parametrize(("path", "refused"), [("/expenses/new", 411), ("/sync/push", None)])
def test_a_form_in_chunks_is_refused_unread(tmp_path: Path, path: str, refused: int | None) -> None:
    """A missing last chunk cannot be detected in a form; the JSON of phones ends with a bracket."""
    seen = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        seen.append((environ.get(REFUSED), environ["CONTENT_LENGTH"], environ["wsgi.input"].read()))
        start_response("200 OK", [])
        return [b"ok"]

    environ = Environ(3)
    environ.path, environ.headers = path, {"transfer-encoding": "chunked"}
    asked(Gateway(application, tmp_path, MIB), Client(b"a=", b"b"), environ)
    assert seen == [(refused, "0" if refused else "3", b"" if refused else b"a=b")]


def test_aborted_body_is_not_counted(tmp_path: Path) -> None:
    class Silent(Line):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"a"
            begun.set()
            await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(receiver.receive(Silent(), "a", 8, MIB))
        await begun.wait()
        assert receiver.admission.bodies == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun, receiver = asyncio.Event(), Receiver(tmp_path, Pace(), Bounds())
    asyncio.run(cancel())
    assert (receiver.admission.bodies, receiver.admission.octets) == (0, 0)


def test_file_response_is_sent_by_path(tmp_path: Path) -> None:
    photo, folder = tmp_path / "photo.jpg", tmp_path / "incoming"
    folder.mkdir()
    photo.write_bytes(b"x" * MIB)

    def whole(environ: dict[str, Any]) -> Any:
        return environ["wsgi.file_wrapper"](photo.open("rb"))

    assert handed_over(folder, whole) == photo
    assert list(folder.iterdir()) == []
    # A part of a file is none.
    assert handed_over(folder, whole, "206 Partial Content") != photo


def test_a_file_of_which_something_was_read_is_not_sent_whole(tmp_path: Path) -> None:
    photo, folder = tmp_path / "photo.jpg", tmp_path / "incoming"
    folder.mkdir()
    photo.write_bytes(b"headbody")

    def rest(environ: dict[str, Any]) -> Any:
        file = photo.open("rb")
        file.read(4)
        return environ["wsgi.file_wrapper"](file)

    assert handed_over(folder, rest) == b"body"


@pytest.mark.parametrize("status", ["200 OK", "206 Partial Content"])
def test_a_file_that_was_sent_is_closed(tmp_path: Path, status: str) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")
    with photo.open("rb") as file:
        handed_over(tmp_path / "incoming", lambda environ: environ["wsgi.file_wrapper"](file), status)
        assert file.closed


def test_the_file_of_a_long_answer_is_removed_and_a_photo_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, folder = tmp_path / "photo.jpg", tmp_path / "incoming"
    folder.mkdir()
    photo.write_bytes(b"x" * MIB)
    monkeypatch.setattr("fieldapp.platform.serving.gateway.REMOVED_AFTER_SECONDS", 0.0)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](photo.open("rb")) if environ["PATH_INFO"] == "/photo" else [b"a" * MIB]

    gateway, long, stored = Gateway(application, folder, MIB), Client(), Client()
    asked(gateway, long, Environ(), after=lambda: isinstance(long.body, Path) and long.body.exists())
    assert isinstance(long.body, Path)
    assert long.body.parent == folder
    environ = Environ()
    environ.path = "/photo"
    asked(gateway, stored, environ)
    assert stored.body == photo
    assert photo.exists()


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
