"""Find technicians' names in the text of a next-visit plan (D-JOB-7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

#: A remark in brackets is not a name.
_REMARK = re.compile("[(\uff08].*?[)\uff09]")
#: Separators of names: punctuation of both scripts, and the NULs that replace a matched name.
_BETWEEN = re.compile("[,;/+&|\n\0\u3001\u3002\uff0c\uff1b\uff0f\uff0b]")
#: "and" in Chinese and English at the edge of a word.
_AND = re.compile("^(?:and\\s|[\u548c\u4e0e\u53ca\u8ddf])|(?:\\sand|[\u548c\u4e0e\u53ca\u8ddf])$", re.IGNORECASE)


class PlanPeople(NamedTuple):
    """Ids of the technicians named in a plan, the one in charge first, and the words that match nobody."""

    matched: list[int]
    unmatched: list[str]


def people_of_plan(text: str, technicians: Iterable[tuple[int, str]]) -> PlanPeople:
    """Match the text against `(id, name)` of technicians; ids come in the text's order.

    Longer names are matched first, so that a name which begins another one is not found within it.
    """
    remaining = text
    matched: list[tuple[int, int]] = []
    for user, name in sorted(technicians, key=lambda person: -len(person[1])):
        needle = name.strip()
        match = re.search(re.escape(needle), remaining, re.IGNORECASE) if needle else None
        if match:
            matched.append((match.start(), user))
            remaining = remaining[: match.start()] + "\0" * len(match.group()) + remaining[match.end() :]
    return PlanPeople([user for _, user in sorted(matched)], _unmatched(remaining))


def _unmatched(remaining: str) -> list[str]:
    parts = (_without_and(part.strip(" \t\r.:\uff1a")) for part in _BETWEEN.split(_REMARK.sub("\0", remaining)))
    return list(dict.fromkeys(part for part in parts if any(map(str.isalpha, part))))


def _without_and(part: str) -> str:
    """Return the text without a leading or trailing "and", unless only one character would be left."""
    if part.casefold() == "and" or re.fullmatch("[\u548c\u4e0e\u53ca\u8ddf]", part):
        return ""
    shorter = _AND.sub("", part).strip()
    return shorter if len(shorter) > 1 else part
