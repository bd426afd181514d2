"""Adapter between granian's RSGI interface and the WSGI application.

A thread is used only while the application runs: the body is received before, and the response is handed to the server
afterwards. So neither a slow sender nor a slow reader occupies a thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from fieldapp.platform.serving.bodies import Body, Bounds, Pace, Receiver, write_all
from fieldapp.platform.serving.limits import limit_of
from fieldapp.platform.web.refused import REFUSED

log = logging.getLogger(__name__)

THREADS = 8
#: Responses up to this size are sent from memory, longer ones from a file at the client's speed.
IN_MEMORY_BYTES = 256 * 1024
#: Seconds after which the server has certainly opened the file of a long response.
REMOVED_AFTER_SECONDS = 60.0
_KEEP_WHEN_CUT = frozenset({"PATCH"})
_CGI_HEADERS = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_FAILED = (500, [("content-type", "text/plain")], b"Internal Server Error")


class FileResponse:
    """The `wsgi.file_wrapper`: the server sends a whole file from disk by its path."""

    def __init__(self, file: Any, block: int = 64 * 1024) -> None:
        self.file, self.block = file, block

    @property
    def path(self) -> Path | None:
        """Return the path of the file if it has a name and nothing was read from it."""
        name = getattr(self.file, "name", None)
        return Path(name).absolute() if isinstance(name, str) and self.file.tell() == 0 else None

    def __iter__(self) -> FileResponse:
        return self

    def __next__(self) -> bytes:
        chunk: bytes = self.file.read(self.block)
        if not chunk:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Close the file."""
        if hasattr(self.file, "close"):
            self.file.close()


class Background(Protocol):
    """Work beside the requests, in threads of a worker process."""

    def start(self) -> None:
        """Begin, after the process was forked."""

    def stop(self) -> None:
        """End soon."""


class Gateway:
    """RSGI application that runs a WSGI application in a few threads."""

    def __init__(
        self,
        application: Any,
        folder: Path,
        uploads: int,
        proxies: int = 0,
        pace: Pace | None = None,
        bounds: Bounds | None = None,
        background: Sequence[Background] = (),
    ) -> None:
        self.background = background
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
            "wsgi.file_wrapper": FileResponse,
        }

    # -- start and end of a worker process -------------------------------------------------------------------

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        # Only the main process handles SIGINT of the terminal; it stops its workers.
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGUSR1, self.receiver.stop)
        _die_with_parent()
        for work in self.background:
            work.start()

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        for work in self.background:
            work.stop()
        self.threads.shutdown(wait=False, cancel_futures=True)

    # -- a request -------------------------------------------------------------------------------------------

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        environ, content_type, length, chunked = self._environ(scope)
        loop = asyncio.get_running_loop()
        if not length and not chunked:
            self._send(proto, *await loop.run_in_executor(self.threads, self._run, environ))
            return
        address = self._address(environ)
        body = await self._body(scope, proto, environ, address, content_type, length, chunked)
        try:
            if not body.whole and not body.refused and environ["wsgi.input"] is _NO_BODY:
                # The client is gone.
                proto.response_empty(400, [("connection", "close")])
                return
            status, headers, content = await loop.run_in_executor(self.threads, self._run, environ)
        finally:
            # Only now, when its file is closed: bodies of requests that wait for a thread use space, too.
            self.receiver.leave(address, body)
        if not body.whole:
            # The rest of the body may still arrive.
            headers = [*headers, ("connection", "close")]
        self._send(proto, status, headers, content)

    def _send(self, proto: Any, status: int, headers: list[tuple[str, str]], content: bytes | Path) -> None:
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
        """Receive the body into the environ; leave the environ unchanged if the client is gone."""
        limit = limit_of(scope.method, scope.path, content_type, self.uploads)
        if chunked and not scope.path.startswith("/sync/"):
            # A truncated chunked body cannot be detected; a form would silently lose its last fields.
            environ["CONTENT_LENGTH"], environ[REFUSED] = "0", 411
            return Body(environ["wsgi.input"], 0, False, 411)
        body = await self.receiver.receive(proto, address, None if chunked else length, limit)
        keep_partial = scope.method in _KEEP_WHEN_CUT and body.refused in {None, 408, 503} and body.size
        if not body.whole and not body.refused and not keep_partial:
            body.file.close()
            return body
        environ["wsgi.input"] = body.file
        if chunked:
            environ["CONTENT_LENGTH"] = str(body.size)
        if body.refused and not keep_partial:
            environ["CONTENT_LENGTH"], environ[REFUSED] = "0", body.refused
        # A cut upload is passed on with the announced length: the application detects the cut and keeps the bytes.
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
            "wsgi.input": _NO_BODY,
        }
        chunked = False
        for name, value in scope.headers.items():
            # With an underscore it would collide with another header in the environ.
            if "_" in name:
                continue
            if name == "transfer-encoding":
                chunked = True
                continue
            key = _CGI_HEADERS.get(name) or "HTTP_" + name.upper().replace("-", "_")
            existing = environ.get(key)
            environ[key] = value if existing is None else f"{existing}{'; ' if name == 'cookie' else ','}{value}"
        if scope.authority and "HTTP_HOST" not in environ:
            environ["HTTP_HOST"] = scope.authority
        length = environ.get("CONTENT_LENGTH", "")
        return environ, environ.get("CONTENT_TYPE", ""), int(length) if length.isdecimal() else 0, chunked

    def _address(self, environ: dict[str, Any]) -> str:
        """Return the client's address, as the trusted proxies report it if there are any."""
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if self.proxies else []
        if 0 < self.proxies <= len(forwarded):
            return str(forwarded[-self.proxies]).strip()
        return str(environ["REMOTE_ADDR"])

    # -- in a thread -----------------------------------------------------------------------------------------

    def _run(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes | Path]:
        """Run the application. Return status, headers and the response body as bytes or as the path of a file."""
        status_and_headers: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            status_and_headers[:] = int(status[:3]), headers

        try:
            response = self.application(environ, start_response)
            try:
                path = (
                    response.path
                    if isinstance(response, FileResponse) and status_and_headers and status_and_headers[0] == 200
                    else None
                )
                content = path or self._collect(response)
            finally:
                if hasattr(response, "close"):
                    response.close()
        except Exception:
            log.exception("the application failed")
            return _FAILED
        finally:
            environ["wsgi.input"].close()
        return status_and_headers[0], status_and_headers[1], content

    def _collect(self, response: Iterable[bytes]) -> bytes | Path:
        """Return the body as bytes, or as the path of a file if it is long and the disk is not full."""
        chunks, size, remaining = [], 0, iter(response)
        for chunk in remaining:
            chunks.append(chunk)
            size += len(chunk)
            if size > IN_MEMORY_BYTES:
                return self._in_file(chunks, remaining)
        return b"".join(chunks)

    def _in_file(self, chunks: list[bytes], rest: Iterator[bytes]) -> bytes | Path:
        path, written, remaining = self.folder / f"answer-{uuid.uuid4().hex}", 0, chain(chunks, rest)
        try:
            file = path.open("xb", buffering=0)
        except OSError as error:
            log.error("a long answer is kept in memory: %s", error)
            return b"".join(remaining)
        with file:
            for chunk in remaining:
                try:
                    write_all(file, chunk)
                except OSError as error:
                    log.error("a long answer is kept in memory: %s", error)
                    written_bytes = path.read_bytes()[:written]
                    _remove(path)
                    return b"".join([written_bytes, chunk, *remaining])
                written += len(chunk)
        return path


class _EmptyInput:
    """Input stream of a request without a body."""

    def read(self, size: int = -1) -> bytes:
        return b""

    def readline(self, size: int = -1) -> bytes:
        return b""

    def close(self) -> None:
        return


_NO_BODY = _EmptyInput()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _die_with_parent() -> None:
    """End this worker when the main process ends, which alone can stop it (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    parent = os.getppid()
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
