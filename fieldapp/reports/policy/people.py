"""Who is named in a next-visit plan (D-JOB-7)."""

from __future__ import annotations

from collections.abc import Iterable


def people_of_plan(text: str, technicians: Iterable[tuple[int, str]]) -> list[int]:
    """Return the technicians whose names stand in the text, in its order: the first is in charge.

    The longest names are taken first, so that a name which begins another one is not found within it.
    """
    left = text.casefold()
    found: list[tuple[int, int]] = []
    for user, name in sorted(technicians, key=lambda one: -len(one[1])):
        wanted = name.casefold().strip()
        at = left.find(wanted) if wanted else -1
        if at >= 0:
            found.append((at, user))
            left = left[:at] + "\0" * len(wanted) + left[at + len(wanted) :]
    return [user for _, user in sorted(found)]
