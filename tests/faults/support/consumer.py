"""Consumers of due work that are killed again and again.

Each is a fork of a process that never opened the database. Run as a module it takes its plan from the environment:
`{"consumers", "kills", "seed", "at"}`. It keeps so many consumers alive until nothing waits, kills them at named points
or anywhere until there were enough kills, and prints what ended them as JSON. The command `test.note` writes a notice;
with the key `exit` it ends the process.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import Context, DueData, Effect, command, faults
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.due_work import WAITING
from fieldapp.platform.extensions import GRANTS, db
from fieldapp.services.schedule import drain
from fieldapp.services.schedule.models import DueWork

ROOT = Path(__file__).resolve().parents[3]
KIND = "test.note"
POINTS = ("claimed", "before", "inserted", "applied", "before-commit", "after-commit")
#: Probability of a kill at each pass of a point.
CHANCE = 0.04
#: Seconds after which a consumer is killed wherever it is.
LONGEST = 1.5
#: Between two drains of a consumer, on its own clock: longer than most waits for the next try.
STEP = timedelta(hours=1)


@command(KIND, label="Note", schema=DueData, may=lambda actor, record: True, aggs=("test",))
def note(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Write a notice, or end the process."""
    if data["key"] == "exit":
        os._exit(3)
    ctx.notify(1, "job.changed", "/jobs", fields=data["key"], job=data["occurrence"])
    return Effect(after=data)


def knowing(app: Flask) -> Flask:
    """Let the application know the command, and grant it to the system."""
    COMMANDS.of(app)[KIND] = note
    grants: Any = GRANTS.of(app).by_role
    grants["system"] |= {KIND}
    return app


def killed(folder: Path, url: str, at: datetime, kills: int, seed: str, consumers: int = 2) -> Counter[str]:
    """Run the consumers in a process of their own until nothing waits; return how many of them ended in which way."""
    plan = {"consumers": consumers, "kills": kills, "seed": seed, "at": clock.iso(at)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.support.consumer"],
        cwd=ROOT,
        env={
            **os.environ,
            "FIELDAPP_DATA": str(folder),
            "DATABASE_URL": url,
            "PYTHONPATH": str(ROOT),
            "CONSUMERS": json.dumps(plan),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=3_000,
    )
    return Counter(json.loads(done.stdout))


def _consume(app: Flask, at: datetime, wild: bool, seed: str) -> None:
    """Drain until nothing waits, an hour later each time on the consumer's clock."""
    random.seed(seed)
    faults._PLAN = ",".join(f"{point}:{CHANCE}" for point in POINTS) if wild else ""
    for hour in count():
        drain(app, at + hour * STEP)
        with app.app_context():
            if db.session.scalar(select(DueWork.op).where(WAITING).limit(1)) is None:
                return


def main() -> None:
    """Keep the consumers alive; print how they ended."""
    plan = json.loads(os.environ["CONSUMERS"])
    app = knowing(create_app(Config.from_environment()))
    at, chance, ended = clock.parse_iso(plan["at"]), random.Random(plan["seed"]), Counter[str]()
    alive: dict[int, float] = {}
    finished = False
    while alive or not finished:
        while not finished and len(alive) < plan["consumers"]:
            wild = ended["killed"] < plan["kills"]
            started = f"{plan['seed']} {ended.total()} {len(alive)}"
            child = os.fork()
            if child == 0:
                try:
                    _consume(app, at, wild, started)
                    os._exit(0)
                finally:
                    os._exit(1)
            alive[child] = time.monotonic() + chance.uniform(0.05, LONGEST) if wild else float("inf")
        child, status = os.waitpid(-1, os.WNOHANG)
        if child:
            del alive[child]
            code = os.waitstatus_to_exitcode(status)
            ended["killed" if code == -signal.SIGKILL else f"exit {code}"] += 1
            finished = finished or code == 0
            continue
        for one in [one for one, until in alive.items() if time.monotonic() > until]:
            os.kill(one, signal.SIGKILL)
            alive[one] = float("inf")
        time.sleep(0.005)
    sys.stdout.write(json.dumps(ended))


if __name__ == "__main__":
    main()
