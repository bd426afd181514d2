"""The thread that looks for due work: every 15 seconds, and at once after a commit that wrote some."""

from __future__ import annotations

import logging
import socket
from threading import Event, Thread

from flask import Flask

from fieldapp.platform.commandbus.due_work import WAKE
from fieldapp.services.schedule.clock import due_time
from fieldapp.services.schedule.draining import drain

log = logging.getLogger(__name__)

#: Seconds between two sweeps.
INTERVAL = 15.0
#: Seconds that a piece of work under way has when the process ends; it is tried again where that is too short.
STOP_SECONDS = 3.0


def server_name(suffix: object) -> str:
    """Return the name under which this process is listed."""
    return f"{socket.gethostname()[:60]} {suffix}"


class Sweeper:
    """Sweeps until it is stopped, in a thread of its own (`start`) or in the caller's (`run`)."""

    def __init__(self, app: Flask, name: str, interval: float = INTERVAL) -> None:
        self.app, self.name, self.interval = app, name, interval
        self.stopping = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = Thread(target=self.run, name="sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the piece under way end, and no other begin."""
        self.stopping.set()
        WAKE.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def run(self) -> None:
        """Sweep until stopped. A sweep that fails is logged; the next one follows."""
        while not self.stopping.is_set():
            WAKE.clear()
            try:
                self.sweep()
            except Exception:
                log.exception("looking for due work failed")
            WAKE.wait(self.interval)

    def sweep(self) -> int:
        """Note that this server sweeps, and do what is due; return the number of tries."""
        with self.app.app_context():
            now = due_time(self.name)
        return 0 if now is None else drain(self.app, now, self.stopping.is_set)
