"""Server that is signalled after its worker ended: a program for test_stopping.py."""

from __future__ import annotations

import time
from typing import Any

from fieldapp.platform.serving.process import Server, reserve, run


class WorkerFirst(Server):
    """Server whose workers end before the main process handles the signal."""

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        for worker in self.wrks:
            worker.inner.kill()
        while len(self.interrupt_children) < len(self.wrks):
            time.sleep(0.01)
        self.signal_handler_interrupt()
        super()._serve_loop(spawn_target, target_loader)


if __name__ == "__main__":
    import wsgi

    with reserve(wsgi.config.host, wsgi.config.port, wsgi.config.data, alone=True) as listener:
        run("wsgi:server", listener, 2, wsgi.config.data, WorkerFirst)
