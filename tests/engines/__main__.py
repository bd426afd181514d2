"""`python -m tests.engines [--only webkit firefox] [--rounds N] [--write]`: plays the stories in other engines; 1 on a
miss. `--write` puts the rows into docs/reliability.md. `--root` plays with another copy of the product.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine
from tests.e2e.conftest import ROOT, Server
from tests.engines import story
from tests.engines.drivers import ENGINES, Browser, Failed, Screen
from tests.faults.figures import Figure
from tests.faults.table import write

NAVIGATIONS = 60


def played(engine: str, screen: Screen, root: Path, play: Callable[[Browser, Server], None]) -> tuple[str, str, float]:
    """Plays once, all of it new: what went wrong ("" is nothing), the version, and the seconds it took."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "server").mkdir()
        (folder / "browser").mkdir()
        server = Server(folder / "server", root)
        server.start()
        browser: Browser | None = None
        start = time.monotonic()
        try:
            browser = ENGINES[engine](folder / "browser", screen)
            play(browser, server)
            wrong = ""
        except (Failed, OSError) as error:
            wrong = f"{error} "[:400]
            sys.stderr.write(f"{engine}: {wrong}\n")
        finally:
            if browser is not None:
                browser.close()
            server.stop()
        version = f"{browser.name} {browser.version}" if browser is not None else engine
        return wrong, version, time.monotonic() - start


def figures(engine: str, screen: Screen, root: Path, rounds: int) -> Iterator[Figure]:
    """The two rows of one engine."""
    days = [played(engine, screen, root, story.offline_day) for _ in range(rounds)]
    good = sum(wrong == "" for wrong, _, _ in days)
    yield Figure(
        f"23 {engine} story",
        f"{days[0][1]}: arrival, start, report with photo and signature, expense with photo while the server is dead, "
        "reload, server back",
        f"{good} of {rounds} stories: 5 records and 2 photos received once, outbox empty; "
        f"{min(seconds for *_, seconds in days):.0f} s at best",
        f"{rounds} of {rounds}",
        good == rounds,
    )
    seed = random.SystemRandom().randrange(2**31)
    chance = random.Random(seed)
    times = [story.Count() for _ in range(rounds)]
    rushed = [
        played(
            engine,
            screen,
            root,
            lambda browser, server, one=one: story.hurry(browser, server, NAVIGATIONS, chance, one),
        )
        for one in times
    ]
    good = sum(wrong == "" for wrong, _, _ in rushed)
    yield Figure(
        f"23 {engine} hurry",
        f"{rushed[0][1]}: {NAVIGATIONS} pages left 0.3 to 0.6 s after they were asked for, back/forward cache on; then "
        "an expense with photo with a signal and one without",
        f"{sum(one.alive for one in times)} of {sum(one.asked for one in times)} databases answered on the way; "
        f"both expenses received once in {good} of {rounds} runs",
        f"all, {rounds} of {rounds}",
        good == rounds and all(one.alive == one.asked for one in times),
        str(seed),
    )


def main() -> int:
    """The exit status: 0 when everything passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines")
    parser.add_argument("--only", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    asked = parser.parse_args()
    screen = Screen()
    found = []
    try:
        for engine in asked.only:
            for figure in figures(engine, screen, asked.root, asked.rounds):
                sys.stdout.write(f"{figure.cells}\n")
                sys.stdout.flush()
                found.append(figure)
    finally:
        screen.close()
    if asked.write:
        write(found, f"{datetime.now(UTC):%Y-%m-%d}", machine.facts().rpartition(", load")[0])
    return 0 if all(figure.met for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
