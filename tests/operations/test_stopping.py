"""One Ctrl-C or SIGTERM stops the server: no process is left and no traceback is printed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from tests.operations.stop import LOADS, make_run, stop
from tests.support.server import Server, flask

Load = Callable[[Server], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stop") / "data"
    assert flask(folder, "prepare", "--demo").returncode == 0
    return folder


@pytest.mark.parametrize("around", LOADS, ids=lambda around: around.__name__)
@pytest.mark.parametrize("way", ["ctrl-c", "sigterm", "sigterm-to-all"])
def test_server_ends_on_a_signal(folder: Path, around: Load, way: str) -> None:
    for _ in range(2):
        server = Server(folder)
        server.wait()
        tell = {
            "ctrl-c": server.interrupt,
            "sigterm": server.terminate,
            # As a service manager does it.
            "sigterm-to-all": lambda server=server: os.killpg(server.process.pid, signal.SIGTERM),
        }[way]
        with around(server):
            ended = stop(server, tell)
        assert (ended.code, ended.orphans, ended.port_free) == (0, 0, True), ended.log
        assert "Traceback" not in ended.log
        assert "Error" not in ended.log


def test_workers_that_end_before_the_main_process_are_no_failure(folder: Path) -> None:
    server = Server(folder, command=[sys.executable, "-m", "tests.operations.worker_first"])
    try:
        assert server.process.wait(120) == 0, server.log.read_text()
    finally:
        server.kill()


def test_make_run_ends_with_one_ctrl_c(folder: Path) -> None:
    server = make_run(folder)
    server.wait()
    ended = stop(server, server.interrupt)
    assert ended.clean, ended.log


def test_several_workers_end(folder: Path) -> None:
    server = Server(folder, FIELDAPP_WORKERS="3")
    server.wait()
    assert len(server.workers()) == 3
    ended = stop(server, server.interrupt)
    assert ended.clean, ended.log


def test_workers_do_not_outlive_the_main_process(folder: Path) -> None:
    server = Server(folder)
    server.wait()
    workers = server.workers()
    server.process.kill()
    server.process.wait(20)
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []


def test_a_worker_that_died_is_replaced(folder: Path) -> None:
    server = Server(folder)
    server.wait()
    first = server.workers()[0]
    first.kill()
    psutil.wait_procs([first], timeout=20)
    server.wait()
    assert server.workers()[0].pid != first.pid
    ended = stop(server, server.interrupt)
    assert ended.clean, ended.log
