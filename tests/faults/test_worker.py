"""The worker that the fault tests kill is the one that `flask serve` runs, with its gateway and limits."""

from __future__ import annotations

import http.client
from contextlib import ExitStack

import pytest

from benchmarks.world import world
from fieldapp.platform.serving.gateway import THREADS
from tests.faults.support.phoenix import rising
from tests.operations.slow import answered, head_only

pytestmark = pytest.mark.faults


def test_missing_bodies_hold_no_thread_and_are_aborted_at_restart() -> None:
    """Use more bodies than threads; each is answered when the worker ends, and the next worker serves."""
    with world() as made, rising(made.folder) as server, ExitStack() as stack:
        lines = [stack.enter_context(head_only(server.port)) for _ in range(2 * THREADS)]
        assert answered(server.port, "/healthz", timeout=30)[0] == 200
        server.roll()
        assert server.kills == {"rolled": 1}
        assert [line.recv(12) for line in lines] == [b"HTTP/1.1 503"] * len(lines)
        assert answered(server.port, "/healthz", timeout=30)[0] == 200


def test_worker_restarted_after_a_kill_has_the_same_limits() -> None:
    """Send a chunked form, which only the gateway refuses."""
    with world() as made, rising(made.folder) as server:
        assert _form_in_chunks(server.port) == 411
        server.tell("calm")
        while not server.killed:
            server.wait()
        assert _form_in_chunks(server.port) == 411


def _form_in_chunks(port: int) -> int:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("POST", "/login", iter([b"username=x"]), {"Content-Type": "application/x-www-form-urlencoded"})
    status = line.getresponse().status
    line.close()
    return status
