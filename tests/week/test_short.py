"""The short form of the week: whatever its screens confirmed stands once, at the right record."""

from __future__ import annotations

import pytest

from tests.week.play import run

pytestmark = pytest.mark.e2e


def test_a_short_week_ends_with_nothing_lost_doubled_or_misplaced() -> None:
    played = run("short")
    assert played.figure.met, "\n".join([played.figure.cells, *played.happened])
