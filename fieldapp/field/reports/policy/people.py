"""Who is named in a next-visit plan (D-JOB-7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

#: A remark in brackets is no name.
_REMARK = re.compile("[(\uff08].*?[)\uff09]")
#: Between two names: punctuation of both scripts, and the place of a name that was found.
_BETWEEN = re.compile("[,;/+&|\n\0\u3001\u3002\uff0c\uff1b\uff0f\uff0b]")
#: "and" in Chinese and English, beside a name that was found.
_AND = re.compile("^(?:and\\s|[\u548c\u4e0e\u53ca\u8ddf])|(?:\\sand|[\u548c\u4e0e\u53ca\u8ddf])$", re.IGNORECASE)


class PlanPeople(NamedTuple):
    """Ids of the technicians whom a plan names, the one in charge first, and what is left of its text."""

    found: list[int]
    unmatched: list[str]


def people_of_plan(text: str, technicians: Iterable[tuple[int, str]]) -> PlanPeople:
    """Find the technicians whose names stand in the text, in its order, and the words that name none of them.

    The longest names are taken first, so that a name which begins another one is not found within it.
    """
    left = text
    found: list[tuple[int, int]] = []
    for user, name in sorted(technicians, key=lambda one: -len(one[1])):
        wanted = name.strip()
        at = re.search(re.escape(wanted), left, re.IGNORECASE) if wanted else None
        if at:
            found.append((at.start(), user))
            left = left[: at.start()] + "\0" * len(at.group()) + left[at.end() :]
    return PlanPeople([user for _, user in sorted(found)], _unmatched(left))


def _unmatched(left: str) -> list[str]:
    parts = (_without_and(part.strip(" \t\r.:\uff1a")) for part in _BETWEEN.split(_REMARK.sub("\0", left)))
    return list(dict.fromkeys(part for part in parts if any(map(str.isalpha, part))))


def _without_and(part: str) -> str:
    """Return the text without a leading or trailing "and", unless only one character would be left: no name is that."""
    if part.casefold() == "and" or re.fullmatch("[\u548c\u4e0e\u53ca\u8ddf]", part):
        return ""
    shorter = _AND.sub("", part).strip()
    return shorter if len(shorter) > 1 else part
