"""Between granian's RSGI interface and the WSGI application.

A thread works on a request only while the application runs: the whole body is here before, and the whole answer is
handed to the server afterwards. So neither a slow sender nor a slow reader holds a thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

from fieldapp.platform.serving.bodies import Body, Bounds, Pace, Receiver, write_all
from fieldapp.platform.serving.limits import limit_of
from fieldapp.platform.web.refused import REFUSED

log = logging.getLogger(__name__)

THREADS = 8
#: Answers up to this size are handed over as they are; longer ones are sent from a file, as the client reads them.
IN_MEMORY_BYTES = 256 * 1024
#: Seconds after which the file of a long answer has surely been opened by the server.
REMOVED_AFTER_SECONDS = 60.0
_CUT_KEPT = frozenset({"PATCH"})
_SEEN_ONCE = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_FAILED = (500, [("content-type", "text/plain")], b"Internal Server Error")


class FileAnswer:
    """The `wsgi.file_wrapper`: the server process sends a whole file from the disk by its path."""

    def __init__(self, file: Any, block: int = 64 * 1024) -> None:
        self.file, self.block = file, block

    @property
    def path(self) -> Path | None:
        """Where the file lies, if it has a name and nothing of it was read."""
        name = getattr(self.file, "name", None)
        return Path(name).absolute() if isinstance(name, str) and self.file.tell() == 0 else None

    def __iter__(self) -> FileAnswer:
        return self

    def __next__(self) -> bytes:
        piece: bytes = self.file.read(self.block)
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Closes the file."""
        if hasattr(self.file, "close"):
            self.file.close()


class Gateway:
    """An RSGI application that runs a WSGI application in a few threads."""

    def __init__(
        self,
        application: Any,
        folder: Path,
        uploads: int,
        proxies: int = 0,
        pace: Pace | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.application, self.folder, self.uploads, self.proxies = application, folder, uploads, proxies
        self.receiver = Receiver(folder, pace or Pace(), bounds or Bounds())
        self.base = {
            "SCRIPT_NAME": "",
            "SERVER_SOFTWARE": "granian",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileAnswer,
        }

    # -- the life of a worker process ------------------------------------------------------------------------

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        # Only the main process follows the terminal; it tells its workers.
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGUSR1, self.receiver.stop)
        _die_with_parent()

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)

    # -- a request -------------------------------------------------------------------------------------------

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        environ, content_type, length, chunked = self._environ(scope)
        loop = asyncio.get_running_loop()
        if not length and not chunked:
            self._answer(proto, *await loop.run_in_executor(self.threads, self._run, environ))
            return
        address = self._address(environ)
        body = await self._body(scope, proto, environ, address, content_type, length, chunked)
        try:
            if not body.whole and not body.refused and environ["wsgi.input"] is _NOTHING:
                # There is nobody left to answer.
                proto.response_empty(400, [("connection", "close")])
                return
            status, headers, content = await loop.run_in_executor(self.threads, self._run, environ)
        finally:
            # Its file is gone now: while requests wait for a thread, their bodies take up room, too.
            self.receiver.leave(address, body)
        if not body.whole:
            # The rest of the body may still be on its way.
            headers = [*headers, ("connection", "close")]
        self._answer(proto, status, headers, content)

    def _answer(self, proto: Any, status: int, headers: list[tuple[str, str]], content: bytes | Path) -> None:
        if isinstance(content, bytes):
            if content:
                proto.response_bytes(status, headers, content)
            else:
                proto.response_empty(status, headers)
        else:
            if content.parent == self.folder:
                asyncio.get_running_loop().call_later(REMOVED_AFTER_SECONDS, _remove, content)
            proto.response_file(status, headers, str(content))

    async def _body(
        self,
        scope: Any,
        proto: Any,
        environ: dict[str, Any],
        address: str,
        content_type: str,
        length: int,
        chunked: bool,
    ) -> Body:
        """Put the body into the environ; nothing where there is nobody left to answer."""
        limit = limit_of(scope.method, scope.path, content_type, self.uploads)
        if chunked and not scope.path.startswith("/sync/"):
            # Where a body in chunks ends too early cannot be told; a form would lose its last fields unseen.
            environ["CONTENT_LENGTH"], environ[REFUSED] = "0", 411
            return Body(environ["wsgi.input"], 0, False, 411)
        body = await self.receiver.receive(proto, address, None if chunked else length, limit)
        kept = scope.method in _CUT_KEPT and body.refused in {None, 408, 503} and body.size
        if not body.whole and not body.refused and not kept:
            body.file.close()
            return body
        environ["wsgi.input"] = body.file
        if chunked:
            environ["CONTENT_LENGTH"] = str(body.size)
        if body.refused and not kept:
            environ["CONTENT_LENGTH"], environ[REFUSED] = "0", body.refused
        # What came of a cut upload is handed on with the announced length: the application sees the cut, and keeps it.
        return body

    def _environ(self, scope: Any) -> tuple[dict[str, Any], str, int, bool]:
        host, _, port = scope.server.rpartition(":")
        environ = {
            **self.base,
            "REQUEST_METHOD": scope.method,
            "PATH_INFO": scope.path.encode().decode("latin-1"),
            "QUERY_STRING": scope.query_string,
            "SERVER_NAME": host or scope.server,
            "SERVER_PORT": port,
            "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
            "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
            "wsgi.url_scheme": scope.scheme,
            "wsgi.input": _NOTHING,
        }
        chunked = False
        for name, value in scope.headers.items():
            # An underscore would make it another header's double.
            if "_" in name:
                continue
            if name == "transfer-encoding":
                chunked = True
                continue
            key = _SEEN_ONCE.get(name) or "HTTP_" + name.upper().replace("-", "_")
            there = environ.get(key)
            environ[key] = value if there is None else f"{there}{'; ' if name == 'cookie' else ','}{value}"
        if scope.authority and "HTTP_HOST" not in environ:
            environ["HTTP_HOST"] = scope.authority
        length = environ.get("CONTENT_LENGTH", "")
        return environ, environ.get("CONTENT_TYPE", ""), int(length) if length.isdecimal() else 0, chunked

    def _address(self, environ: dict[str, Any]) -> str:
        """Whose body it is: as the proxies in front say, if there are any."""
        told = environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if self.proxies else []
        if 0 < self.proxies <= len(told):
            return str(told[-self.proxies]).strip()
        return str(environ["REMOTE_ADDR"])

    # -- in a thread -----------------------------------------------------------------------------------------

    def _run(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes | Path]:
        """The answer as a whole: its bytes, or the file that holds them."""
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            started[:] = int(status[:3]), headers

        try:
            answer = self.application(environ, start_response)
            try:
                path = answer.path if isinstance(answer, FileAnswer) and started and started[0] == 200 else None
                content = path or self._kept(answer)
            finally:
                if hasattr(answer, "close"):
                    answer.close()
        except Exception:
            log.exception("the application failed")
            return _FAILED
        finally:
            environ["wsgi.input"].close()
        return started[0], started[1], content

    def _kept(self, answer: Iterable[bytes]) -> bytes | Path:
        """A long answer in a file, from which the server sends it as it is read; in memory where the disk is full."""
        pieces, size, rest = [], 0, iter(answer)
        for piece in rest:
            pieces.append(piece)
            size += len(piece)
            if size > IN_MEMORY_BYTES:
                return self._in_file(pieces, rest)
        return b"".join(pieces)

    def _in_file(self, pieces: list[bytes], rest: Iterator[bytes]) -> bytes | Path:
        path, written, left = self.folder / f"answer-{uuid.uuid4().hex}", 0, chain(pieces, rest)
        try:
            file = path.open("xb", buffering=0)
        except OSError as error:
            log.error("a long answer is kept in memory: %s", error)
            return b"".join(left)
        with file:
            for piece in left:
                try:
                    write_all(file, piece)
                except OSError as error:
                    log.error("a long answer is kept in memory: %s", error)
                    there = path.read_bytes()[:written]
                    _remove(path)
                    return b"".join([there, piece, *left])
                written += len(piece)
        return path


class _Empty:
    """The input of a request without a body."""

    def read(self, size: int = -1) -> bytes:
        return b""

    def readline(self, size: int = -1) -> bytes:
        return b""

    def close(self) -> None:
        return


_NOTHING = _Empty()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _die_with_parent() -> None:
    """A worker must not outlive the process that can stop it."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    parent = os.getppid()
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
