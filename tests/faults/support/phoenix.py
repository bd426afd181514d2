"""Server that is killed repeatedly: the worker process of `flask serve`, forked anew after each kill.

The parent imports everything, holds the listening socket and never opens the database. Each worker is a fork that runs
`fieldapp.platform.serving.run` and is itself the worker that this would start: granian's RSGI worker with our gateway.
It serves until it is killed at a named point (fieldapp.platform.commandbus.faults) or by a timer. A restart takes
milliseconds, and requests that arrive meanwhile wait in the socket, as with systemd's socket activation.

Run as a module it takes its plan from the environment and commands on stdin: `calm` (no more kills), `wild`, `roll` (a
graceful restart), `wide` (no more limit on files); the end of stdin ends it. Each kill is a line of JSON on stdout.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import resource
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fieldapp.platform.serving.process import STOP_SECONDS, Server, listen, run
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
#: Where a worker may be killed: at a point of the write path, or anywhere.
POINTS = ("before", "inserted", "applied", "before-commit", "after-commit", "clock")
#: Probability of a kill at each pass of a point, from workers with a few requests to a dozen.
CHANCES = (0.08, 0.15, 0.3, 0.6)


class Phoenix:
    """The running server, as the instruments use it."""

    def __init__(self, folder: Path, url: str, plan: dict[str, Any], log: Path) -> None:
        self.port = free_port()
        self.kills: Counter[str] = Counter()
        self.log = log
        environment = {
            **os.environ,
            "FIELDAPP_DATA": str(folder),
            "DATABASE_URL": url,
            "PYTHONPATH": str(ROOT),
            "PHOENIX": json.dumps({"port": self.port, **plan}),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.support.phoenix"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("ab"),
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.kills[json.loads(line)["died"]] += 1

    @property
    def killed(self) -> int:
        """Return the number of SIGKILLs, without restarts."""
        return sum(count for how, count in self.kills.items() if not how.startswith("rolled"))

    @property
    def rolled(self) -> int:
        """Return the number of restarts, and of those whose worker had to be killed after the time limit."""
        return self.kills["rolled"] + self.kills["rolled by force"]

    def tell(self, word: str) -> None:
        """Switch the mode: `calm`, `wild`, `roll` or `wide`."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def roll(self) -> None:
        """Restart the worker gracefully once it is up: a starting worker would miss the signal."""
        self.wait()
        before = self.rolled
        self.tell("roll")
        end = time.monotonic() + 30
        while self.rolled == before and time.monotonic() < end:
            time.sleep(0.02)

    def wait(self) -> None:
        """Wait until the server answers."""
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(self.log.read_text()[-3000:])

    def stop(self) -> None:
        """Stop the server and its worker."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)


@contextmanager
def rising(
    folder: Path,
    url: str = "",
    seed: str = "",
    points: tuple[str, ...] = (),
    chances: tuple[float, ...] = CHANCES,
    largest_file: int = 0,
) -> Iterator[Phoenix]:
    """Run a server on this data until the end of the block; without `points` it is not killed.

    `largest_file` limits file sizes in bytes, as if the disk ended there; the mode `wide` removes the limit.
    """
    plan = {"seed": seed, "points": points, "chances": chances, "largest_file": largest_file}
    server = Phoenix(folder, url, plan, folder / "phoenix.log")
    try:
        server.wait()
        yield server
    finally:
        server.stop()


# -- inside the process that is its own supervisor ---------------------------------------------------------------


class _Worker(Server):
    """Serve in this process what `flask serve` would serve in a child process."""

    def _serve(self, spawn_target: Any, target_loader: Any) -> None:
        self._init_shared_socket()
        self._spawn_worker(0, spawn_target, target_loader).inner.run()


class _Supervisor:
    def __init__(self, port: int, seed: str, points: list[str], chances: list[float], largest_file: int) -> None:
        import wsgi

        self.folder = wsgi.config.data
        self.listener = listen("127.0.0.1", port)
        self.seed, self.points, self.chances, self.largest_file = seed, points, chances, largest_file
        self.wild = bool(points)
        self.generation = 0

    def run(self) -> None:
        """Fork one worker after the other until stdin ends."""
        while True:
            self.generation += 1
            chance = random.Random(f"{self.seed}:{self.generation}")
            point = chance.choice(self.points) if self.wild else ""
            child = os.fork()
            if child == 0:
                self._live(point, chance)
            how = self._watch(child, point, chance)
            if how is None:
                return
            sys.stdout.write(json.dumps({"died": how}) + "\n")
            sys.stdout.flush()

    def _watch(self, child: int, point: str, chance: random.Random) -> str | None:
        """Wait for the end of a worker and return its cause; None when the supervisor stops."""
        # The point may never be reached: then the timer ends this worker.
        longest = chance.uniform(0.02, 0.6) if point == "clock" else 5.0
        end = time.monotonic() + longest if point else None
        handle = os.pidfd_open(child)
        how = point
        try:
            while True:
                left = None if end is None else max(0.0, end - time.monotonic())
                ready, _, _ = select.select([handle, sys.stdin], [], [], left)
                if handle in ready:
                    os.waitpid(child, 0)
                    return how or "by itself"
                if sys.stdin in ready:
                    word = os.read(sys.stdin.fileno(), 64).decode().split()[:1]
                    how = self._obey(word[0] if word else "", child)
                    if how == "rolled":
                        end = time.monotonic() + STOP_SECONDS
                    if not word:
                        os.waitpid(child, 0)
                        return None
                else:
                    how, end = "rolled by force" if how == "rolled" else "clock", None
                    os.kill(child, signal.SIGKILL)
        finally:
            os.close(handle)

    def _obey(self, word: str, child: int) -> str:
        if word == "roll":
            # As the main process of `flask serve` ends its workers; one that is still there after a while is killed.
            os.kill(child, signal.SIGUSR1)
            os.kill(child, signal.SIGTERM)
            return "rolled"
        if word in {"calm", "wild"}:
            self.wild = word == "wild"
        if word == "wide":
            self.largest_file = 0
        os.kill(child, signal.SIGKILL)
        return "clock"

    def _live(self, point: str, chance: random.Random) -> None:
        from fieldapp.platform.commandbus import faults

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # never outlive the parent
        random.seed(f"{self.seed}:{self.generation}:in")
        if point and point != "clock":
            faults._PLAN = f"{point}:{chance.choice(self.chances)}"
        if self.largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest_file, self.largest_file))
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # the parent's lines are read, the server's are a log
        run("wsgi:server", self.listener, 1, self.folder, _Worker)
        os._exit(0)


if __name__ == "__main__":
    _Supervisor(**json.loads(os.environ["PHOENIX"])).run()
