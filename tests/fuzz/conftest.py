"""The world that is fuzzed, and the log that must stay silent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fieldapp.services.settings.queries import SETTINGS
from tests.fuzz import world
from tests.support.bench import Bench


class Errors(logging.Handler):
    """What the product logged as an error, with the end of its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        problem = record.exc_info[1] if record.exc_info else None
        self.lines.append(f"{record.getMessage()}: {problem!r}"[:500])

    def last(self) -> str:
        """The newest, which is then forgotten."""
        return self.lines.pop() if self.lines else ""


@pytest.fixture
def errors() -> Iterator[Errors]:
    handler, log = Errors(), logging.getLogger("fieldapp")
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


@pytest.fixture(autouse=True)
def unlimited_refusals(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store every refused record: the few people of the world have thousands refused in a run."""
    settings = SETTINGS.of(bench.app)
    for key in ("records.refused_a_day", "records.refused_megabytes_a_day"):
        monkeypatch.setitem(settings, key, replace(settings[key], default=10**9))


@pytest.fixture
def known_ids(bench: Bench) -> dict[str, list[str]]:
    return world.fill(bench)
