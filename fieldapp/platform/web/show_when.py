"""When a field applies: the rule that the page script holds too (static/src/page/show-when.ts).

tests/fixtures/show-when.json keeps the two equal, so change neither alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_PART = re.compile(r"\s*([^!=]+?)\s*(?:(!?=)(.*))?", re.DOTALL)


def holds(rule: str, values: Mapping[str, Sequence[str]]) -> bool:
    """`name=a|b` (one of), `name!=a|b` (none of), `name` (anything); several joined with `&`."""
    return all(_part_holds(part, values) for part in rule.split("&"))


def _part_holds(part: str, values: Mapping[str, Sequence[str]]) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    name, sign, choices = match.groups()
    given = [value for value in values.get(name, ()) if value != ""]
    if not sign:
        return bool(given)
    hit = not set(given).isdisjoint(choices.strip().split("|"))
    return hit if sign == "=" else not hit


def qualified(rule: str, prefix: str) -> str:
    """The rule of a field in a row, with the full names of its neighbours."""
    return "&".join(f"{prefix}{part.strip()}" for part in rule.split("&")) if rule else ""
