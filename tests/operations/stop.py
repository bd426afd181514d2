"""Stops of a real server, in every way and under every load: `make stop-test n=20`."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.operations.slow import head_only, picture, piece, signed_in
from tests.support.server import Server, flask

#: Seconds after which a server that does not end is called hanging; it gives itself five.
PATIENCE = 20.0


@dataclass
class Stopped:
    """State after the server was told to stop."""

    code: int | None
    seconds: float
    orphans: int
    port_free: bool
    log: str

    @property
    def clean(self) -> bool:
        """Return whether it ended, with no process and no traceback left."""
        return self.code is not None and not self.orphans and self.port_free and "Traceback" not in self.log


@contextmanager
def idle(server: Server) -> Iterator[None]:
    """No clients."""
    yield


@contextmanager
def kept_open(server: Server) -> Iterator[None]:
    """Clients with keep-alive connections."""
    with ExitStack() as stack:
        for _ in range(5):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", "/login")
            connection.getresponse().read()
            stack.callback(connection.close)
        yield


@contextmanager
def open_uploads(server: Server) -> Iterator[None]:
    """A sign-in that is never sent, and a photo that stops half-way."""
    cookie = signed_in(server.port, "tech1")
    upload = piece(server.port, cookie, picture(200_000))
    with head_only(server.port), socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(upload.head + upload.body[: len(upload.body) // 2])
        yield


@contextmanager
def load(server: Server) -> Iterator[None]:
    """Four clients that send requests without a pause."""
    enough = threading.Event()
    busy = threading.Barrier(5)
    cookie = signed_in(server.port, "lead1")

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        first = True
        while not enough.is_set():
            try:
                connection.request("GET", "/jobs", headers={"Cookie": cookie})
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                break
            if first:
                busy.wait(30)
                first = False

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    busy.wait(30)
    try:
        yield
    finally:
        enough.set()


@contextmanager
def everything(server: Server) -> Iterator[None]:
    """All loads at once."""
    with kept_open(server), open_uploads(server), load(server):
        yield


LOADS = (idle, kept_open, open_uploads, load, everything)


def make_run(folder: Path, **settings: str) -> Server:
    """Start the server as `make run` does."""
    return Server(folder, command=["make", "--no-print-directory", "run"], **settings)


def stop(server: Server, tell: Callable[[], None]) -> Stopped:
    """Stop the server and report what is left."""
    family = server.family()
    began = time.monotonic()
    tell()
    try:
        code: int | None = server.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        code = None
    seconds = time.monotonic() - began
    _, alive = psutil.wait_procs(family, timeout=0.5)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive)
    server.process.wait()
    return Stopped(code, seconds, len(alive), is_free(server.port), server.log.read_text())


def is_free(port: int) -> bool:
    """Return whether the port can be bound again."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def main(count: int) -> int:
    """Stop `count` times in each way under each load; print the figures as JSON."""
    report, bad = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        if flask(data, "prepare", "--demo").returncode:
            return 2
        for around in LOADS:
            for way in ("make run, Ctrl-C", "Ctrl-C", "SIGTERM"):
                ended = []
                for _ in range(count):
                    server = make_run(data) if way.startswith("make") else Server(data)
                    server.wait()
                    with around(server):
                        tell = server.terminate if way == "SIGTERM" else server.interrupt
                        ended.append(stop(server, tell))
                clean = sum(result.clean for result in ended)
                bad += count - clean
                report[f"{around.__name__}, {way}"] = {
                    "clean": f"{clean} of {count}",
                    "slowest s": round(max(result.seconds for result in ended), 2),
                    "exit codes": sorted({str(result.code) for result in ended}),
                }
                sys.stdout.write(f"{around.__name__}, {way}: {json.dumps(report[f'{around.__name__}, {way}'])}\n")
                sys.stdout.flush()
                if clean < count:
                    sys.stdout.write(next(result for result in ended if not result.clean).log[-1500:] + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
