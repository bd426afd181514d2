"""The changes of two people to one record, compared field by field: pure functions (ADR 17, failure mode 51)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from fieldapp.kernel import clock

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Merges:
    """Which fields a command compares, and who has the last word about each.

    `now(record)` gives their stored values by field, without those the record does not have; `ver(record)` its
    version. The office has the last word about the fields in `office`; about all others a person is asked.
    """

    fields: tuple[str, ...]
    now: Callable[[Any], Values]
    ver: Callable[[Any], int]
    office: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """`mine` is to be written, `theirs` was changed by somebody else only, `disputed` differently by both."""

    mine: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()


def plain(value: Any) -> Any:
    """A value as a form shows it and an envelope carries it, so that what was seen, sent and stored compare.

    Nothing and an empty text are the same. A time is that of the place of business, to the minute. Raises TypeError
    for amounts of money: they are decided by the server and never merged.
    """
    if isinstance(value, Decimal):
        raise TypeError("money is never merged")
    if isinstance(value, datetime):
        return clock.local(value).strftime("%Y-%m-%dT%H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value.strip().replace("\r\n", "\n") or None
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def seen(base: Values | None, base_ver: int | None, ver: int, now: Values) -> dict[str, Any]:
    """What the author had before their eyes, by field, as far as it is known.

    Fields nobody compares are left out. Where nothing happened since (the same version), what stands there was seen.
    """
    known = {name: plain(value) for name, value in (base or {}).items() if name in now}
    return {**now, **known} if base_ver == ver else known


def three_way(base: Values, mine: Values, theirs: Values) -> Verdict:
    """Judges every field of `theirs`; all values `plain`. A list is one value. Never invents one.

    A field that is not in `base` was not seen: what `mine` says of it fills an empty field and disputes another.
    A field that is not in `mine` was not sent: it stays as it is.
    """
    ours: list[str] = []
    others: list[str] = []
    disputed: list[str] = []
    for name, there in theirs.items():
        before = base.get(name)
        wanted = mine.get(name, before if name in base else there)
        if wanted != there and there == before:
            ours.append(name)
        elif wanted not in (there, before) or (wanted != there and name not in base):
            disputed.append(name)
        elif wanted != there:
            others.append(name)
    return Verdict(tuple(ours), tuple(others), tuple(disputed))
