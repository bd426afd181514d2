"""A phone that was away for weeks or a year (failure modes 7 and 38)."""

from __future__ import annotations

import random

import pytest

from tests.faults.old_queue import AGES, Counted, replay
from tests.support.bench import Bench


@pytest.mark.parametrize("age", AGES)
def test_7_38_an_old_queue_arrives_once_under_its_own_day(bench: Bench, age: int) -> None:
    assert replay(bench, age, 60, random.Random(age)) == Counted(sent=60)
