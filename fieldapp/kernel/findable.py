"""What is compared when people search: texts without case, width, spaces and punctuation."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Longest key that is kept or looked for; the longest names and what a search field takes.
LONGEST = 100


def plain(text: str) -> str:
    """Letters and digits alone, of one width and case: `HA·8K3 21`, typed at full width or not, is `ha8k321`."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(letter for letter in folded if letter.isalnum())[:LONGEST]


@dataclass(frozen=True)
class Findable:
    """The texts one record is found by: `inside` by any part of them, `start` only by how they begin."""

    inside: tuple[str, ...] = ()
    start: tuple[str, ...] = ()

    @classmethod
    def of(cls, inside: Iterable[str | None] = (), start: Iterable[str | None] = ()) -> Findable:
        """From texts as they are stored; what is empty is left out."""
        return cls(_plainly(inside), _plainly(start))

    def beginnings(self) -> Iterator[str]:
        """What the index holds for the record: it is found by whatever one of these begins with."""
        yield from dict.fromkeys([*self.start, *(text[at:] for text in self.inside for at in range(len(text)))])

    def words(self) -> tuple[str, str]:
        """The texts themselves, each behind a line's beginning that no search text can hold."""
        return "".join(f"\n{one}" for one in self.inside), "".join(f"\n{one}" for one in self.start)


def _plainly(texts: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for text in texts if text and (key := plain(text))))
