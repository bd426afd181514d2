"""What the screens confirmed: one entry for each act after which a screen said that it was done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Entry:
    """One confirmed act. `mark` is a text that stands in no other record; `facts` are what the screen said of it."""

    person: str
    what: str
    mark: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ledger:
    """Confirmed acts in order, and what happened besides."""

    entries: list[Entry] = field(default_factory=list)
    #: Acts that were begun and not confirmed: the record may exist or not, but at most once.
    open: list[Entry] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    untrue: list[str] = field(default_factory=list)

    def begin(self, person: str, what: str, mark: str, **facts: Any) -> Entry:
        """Note an act before its button is pressed."""
        entry = Entry(person, what, mark, facts)
        self.open.append(entry)
        return entry

    def confirm(self, entry: Entry) -> None:
        """The screen said that it is done."""
        self.open.remove(entry)
        self.entries.append(entry)

    def of(self, what: str) -> list[Entry]:
        """Confirmed acts of one kind, in order."""
        return [entry for entry in self.entries if entry.what == what]
