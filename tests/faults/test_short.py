"""Short form of every instrument: each figure meets its target (the instruments name their failure modes)."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.faults.__main__ import instruments

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("name", instruments())
def test_every_figure_is_met(name: str) -> None:
    figures = list(import_module(f"tests.faults.{name}").run("short"))
    assert figures
    assert [figure.cells for figure in figures if not figure.met] == []
