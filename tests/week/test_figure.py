"""When the figure of a week counts as met."""

from __future__ import annotations

import pytest

from tests.week.ledger import Ledger
from tests.week.play import figure_of


@pytest.mark.parametrize(
    ("confirmed", "open_", "found", "met"),
    [
        (8, 2, [], True),
        (8, 2, ["lost: an expense"], False),
        (2, 8, [], False),
        (0, 0, [], False),
    ],
)
def test_a_week_is_met_without_faults_and_with_most_of_it_confirmed(
    confirmed: int, open_: int, found: list[str], met: bool
) -> None:
    ledger = Ledger()
    for number in range(confirmed + open_):
        entry = ledger.begin("tech1", "expense", f"week-{number}")
        if number < confirmed:
            ledger.confirm(entry)
    # How many acts there were besides, such as looking at a page, decides nothing.
    assert [figure_of(ledger, found, acts, "1").met for acts in (10, 1000)] == [met, met]
