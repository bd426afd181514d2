"""The changes of a record's fields, in words, for the page on which they are changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fieldapp.platform.commandbus import Change, Command, format_value, label_of

#: Older changes stay in the trail.
SHOWN = 12


@dataclass(frozen=True)
class Line:
    """Who changed which field from what to what; `merged` where it met somebody else's change of other fields."""

    label: str
    before: str
    after: str
    who: str
    at: datetime
    merged: bool


def shown_history(command: Command, changes: Iterable[Change]) -> list[Line]:
    """The newest changes in the words of the command's form."""
    return [
        Line(
            label_of(command, one.field),
            format_value(command, one.field, one.before),
            format_value(command, one.field, one.after),
            one.who,
            one.at,
            one.merged,
        )
        for one in list(changes)[:SHOWN]
    ]
