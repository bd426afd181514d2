"""Servers as `flask serve` starts them (granian, one worker), on a folder of their own."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import brotli  # type: ignore[import-untyped]

from benchmarks import machine

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Answer:
    """What came back; `body` as it was on the wire."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        plain = brotli.decompress(self.body) if self.headers["Content-Encoding"] == "br" else self.body
        return str(plain.decode())


class Served:
    """A running server: a keep-alive connection to it, its processes, its CPU."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.wire: socket.socket | None = None
        self.url = f"http://127.0.0.1:{port}"
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.pids: list[int] = []

    def ask(self, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        """One request over the connection that stays open: a GET, or a POST of `body`."""
        self.line.request("GET" if body is None else "POST", path, body=body, headers=headers or {})
        answer = self.line.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def post(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """A request as its bytes travel, put together before the watch starts, for `send`."""
        lines = {"Host": f"127.0.0.1:{self.port}", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def send(self, request: bytes) -> bytes:
        """Those bytes over a connection that stays open; what the answer holds.

        A client as lean as can be: what is measured is the server, and the floor has no client at all.
        """
        if self.wire is None:
            self.wire = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wire.sendall(request)
        answer = b""
        while True:
            part = self.wire.recv(1 << 16)
            if not part:
                raise RuntimeError("the server hung up")
            answer += part
            head, met, body = answer.partition(b"\r\n\r\n")
            length = _LENGTH.search(head) if met else None
            if length and len(body) >= int(length[1]):
                return brotli.decompress(body) if b"encoding: br" in head.lower() else body  # type: ignore[no-any-return]

    def meter(self) -> float:
        """CPU seconds of the server with its worker."""
        return machine.cpu_of(self.pids)


@contextmanager
def serving(target: str, folder: Path, url: str = "", threads: int = 8) -> Iterator[Served]:
    """A granian with one worker on `target`, with the product's own settings, until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "FIELDAPP_DATA": str(folder), "DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
    options = ["--workers", "1", "--no-ws", "--port", str(port)]
    if target == "wsgi:app":
        # With what receives its bodies, as `flask serve` runs it.
        run = ["--interface", "rsgi", *options, "wsgi:server"]
    else:
        run = ["--interface", "wsgi", "--blocking-threads", str(threads), *options, target]
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *run],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        server = Served(process, port)
        _wait(server)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(server: Served) -> None:
    for _ in range(300):
        try:
            if server.ask("/healthz").status == 200:
                server.pids = machine.family(server.process.pid)
                return
        except OSError:
            server.line.close()
        time.sleep(0.1)
    raise RuntimeError("the server does not start")
