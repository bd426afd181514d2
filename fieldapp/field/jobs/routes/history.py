"""The change history of a record, for the page that edits the record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fieldapp.platform.commandbus import Change, Command, format_value, label_of

#: Older changes are in the audit log only.
MAX_LINES = 12


@dataclass(frozen=True)
class HistoryLine:
    """One changed field. `merged`: somebody else changed other fields at the same time."""

    label: str
    before: str
    after: str
    who: str
    at: datetime
    merged: bool


def history_lines(command: Command, changes: Iterable[Change]) -> list[HistoryLine]:
    """Return the newest changes, formatted with the labels of the command's form."""
    return [
        HistoryLine(
            label_of(command, change.field),
            format_value(command, change.field, change.before),
            format_value(command, change.field, change.after),
            change.who,
            change.at,
            change.merged,
        )
        for change in list(changes)[:MAX_LINES]
    ]
