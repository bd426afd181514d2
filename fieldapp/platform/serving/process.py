"""Start and stop of the server processes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import multiprocessing
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from granian import Granian
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

BACKLOG = 1024
#: Largest number of open connections of one worker.
CONNECTIONS = 2048
#: Seconds for the head of a request, and for an idle connection.
HEAD_SECONDS = 20
#: Largest head of a request, in bytes.
HEAD_BYTES = 64 * 1024
#: Seconds that running requests have when the server stops.
STOP_SECONDS = 5
#: Seconds after which a connection is dropped if its client reads nothing.
READ_SECONDS = 60
#: Age in seconds of response files that an earlier process left behind.
STALE_SECONDS = 3600


class CannotServe(Exception):
    """The server cannot start; the message tells the operator why."""


class Server(Granian):  # type: ignore[misc, valid-type]
    """Granian server whose workers share one exclusive socket and abort open uploads before they end."""

    def __init__(self, listener: socket.socket, **options: Any) -> None:
        super().__init__(**options)
        self.listener = listener

    def _init_shared_socket(self) -> None:
        # Granian binds a socket with SO_REUSEPORT for each worker: a second server on the port would get half of the
        # requests, and neither would notice.
        self._sso = self._ssp = None
        self._sfd = self.listener.fileno()
        self._shd = SocketHolder(self._sfd, False, BACKLOG)  # type: ignore[call-arg]

    def _drop_shared_socket(self) -> None:
        self.listener.close()

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            with contextlib.suppress(OSError, TypeError):
                os.kill(worker.inner.pid, signal.SIGUSR1)
        super()._stop_workers()

    def shutdown(self, exit_code: int = 0) -> None:
        # Granian reports a failure if a worker ends before the main process was signalled. Whoever stops a server
        # signals all its processes at once, and a worker may be first.
        interrupted = self.interrupt_signal
        try:
            super().shutdown(exit_code)
        except SystemExit:
            if exit_code or not interrupted:
                raise


@contextlib.contextmanager
def reserve(host: str, port: int, folder: Path, alone: bool) -> Iterator[socket.socket]:
    """Yield a listening socket; with `alone` also lock the data folder.

    Raise CannotServe before anything is changed.
    """
    with lock_folder(folder) if alone else contextlib.nullcontext(), listen(host, port) as listener:
        yield listener


def run(target: str, listener: socket.socket, workers: int, folder: Path, kind: type[Server] = Server) -> None:
    """Serve on the socket until SIGINT or SIGTERM. `kind` lets the fault tests use a subclass."""
    _delete_stale(folder)
    _raise_file_limit()
    # With fork, workers inherit the socket and the application.
    multiprocessing.set_start_method("fork", force=True)
    host, port = listener.getsockname()[:2]
    kind(
        listener,
        target=target,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=workers,
        blocking_threads=1,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=HEAD_BYTES),
        websockets=False,
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
    ).serve()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket without SO_REUSEPORT. Raise CannotServe."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise CannotServe(
            f"HOST={host}: {error.strerror}. Use an address of this machine, such as 127.0.0.1."
        ) from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, READ_SECONDS * 1000)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotServe(_why_not(error, host, port)) from None
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"PORT={port}: another program listens on {host}:{port} already. Stop it, or set PORT to a free port."
    if error.errno == errno.EACCES:
        return f"PORT={port}: this user may not listen on {host}:{port}. Set PORT to 1024 or higher."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST={host}: this machine has no such address. Set HOST to 127.0.0.1, 0.0.0.0 or one of its own."
    return f"HOST={host}, PORT={port}: {error.strerror}."


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock the data folder for this server. The lock ends with its last process. Raise CannotServe."""
    with (folder / "serve.lock").open("ab") as lock:
        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotServe(
                f"FIELDAPP_DATA={folder}: another server works in this folder already. Stop it, or set FIELDAPP_DATA "
                "to another folder; for more processes set FIELDAPP_WORKERS."
            ) from None
        yield


def incoming(folder: Path) -> Path:
    """Return the folder for bodies and responses that are too long for memory."""
    return folder / "incoming"


def _delete_stale(folder: Path) -> None:
    """Delete response files that an earlier process left behind; servers may share the folder."""
    incoming(folder).mkdir(mode=0o700, exist_ok=True)
    oldest = time.time() - STALE_SECONDS
    for path in incoming(folder).glob("answer-*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _raise_file_limit() -> None:
    """Raise the limit of open files: each connection needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = min(hard, 2 * CONNECTIONS + 1024) if hard != resource.RLIM_INFINITY else 2 * CONNECTIONS + 1024
    if soft < limit:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
