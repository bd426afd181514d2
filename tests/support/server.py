"""The real server as its own processes, on a folder and a port of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


def environment(folder: Path, url: str = "", **settings: str) -> dict[str, str]:
    """The environment of a process that works in this folder, without settings of the machine."""
    taken = ("DATABASE_URL", "FIELDAPP_", "HOST", "PORT")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(taken)}
    if url:
        clean["DATABASE_URL"] = url
    return {**clean, "FIELDAPP_DATA": str(folder), "PYTHONPATH": str(ROOT), **settings}


def flask(folder: Path, *words: str, url: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs `flask --app wsgi …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *words],
        cwd=ROOT,
        env=environment(folder, url, **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Server:
    """One running server; its log is the output a person sees."""

    def __init__(self, folder: Path, url: str = "", command: Sequence[str] = (), **settings: str) -> None:
        self.port = int(settings.setdefault("PORT", str(free_port())))
        self.log = folder.parent / f"{folder.name}-{self.port}.log"
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "flask", "--app", "wsgi", "serve"],
            cwd=ROOT,
            env=environment(folder, url, **settings),
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(self.log.read_text()[-3000:])

    def family(self) -> list[psutil.Process]:
        """The main process and everything it started."""
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """The processes that answer."""
        return [one for one in self.family() if not one.children()]

    def interrupt(self) -> None:
        """Ctrl-C, as a terminal does it: SIGINT to every process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM to the main process alone."""
        self.process.terminate()

    def kill(self) -> None:
        """Ends it without asking."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)


@contextmanager
def serving(folder: Path, url: str = "", demo: bool = False, **settings: str) -> Iterator[Server]:
    """A server that answers; ended when the block is. With `demo` the demo data are made first."""
    if demo:
        made = flask(folder, "prepare", "--demo", url=url)
        if made.returncode:
            raise RuntimeError(made.stderr)
    server = Server(folder, url, **settings)
    try:
        server.wait()
        yield server
    finally:
        server.kill()
