"""Which memberships may not hold on the same day, and which roles should not be one person's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from itertools import combinations
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import Membership

#: Who decides, and so neither keeps accounts nor pays nor checks samples.
_DECIDING = frozenset({"leader", "manager", "purchasing", "executive"})

#: Pairs of roles that the rules keep apart (docs/rules/02-roles.md), with the reason. They are pointed out.
DOUBLE_ROLES: tuple[tuple[frozenset[str], frozenset[str], Any], ...] = (
    (
        frozenset({"finance"}),
        _DECIDING | {"technician"},
        _l("Finance pays what others asked for and approved. With a second role it could pay what it decided itself."),
    ),
    (
        frozenset({"admin"}),
        _DECIDING,
        _l("Administrators do not approve. What this person approves counts for the other role only."),
    ),
    (
        frozenset({"quality"}),
        _DECIDING | {"technician", "agent", "finance"},
        _l("Quality checks the records of others and changes none. With a second role it could check its own."),
    ),
)


class Span(NamedTuple):
    """A membership without its row."""

    user_id: int
    role: str
    kind: str
    group_id: int | None
    from_on: date
    until_on: date | None

    @property
    def end(self) -> date:
        """The first day outside; the last day there is for no end."""
        return self.until_on or date.max


def excludes(one: Span, other: Span) -> bool:
    """Return whether the two are of one kind: the same role in the same group, or a technician's in any group."""
    same_role = one.user_id == other.user_id and one.role == other.role
    return same_role and (one.role == "technician" or one.group_id == other.group_id)


def overlap(span: Span, others: Iterable[Span]) -> Span | None:
    """Return the first of the others of the same kind that holds on a day of the span, or None."""
    for other in others:
        if excludes(span, other) and max(span.from_on, other.from_on) < min(span.end, other.end):
            return other
    return None


def overlapping_memberships() -> Iterator[str]:
    """Yield one line for each pair of memberships that overlap, for `flask check`."""
    columns = (Membership.user_id, Membership.role, Membership.kind, Membership.group_id)
    query = select(*columns, Membership.from_on, Membership.until_on).order_by(Membership.user_id, Membership.role)
    by_person: dict[tuple[int, str], list[Span]] = {}
    for row in db.session.execute(query):
        span = Span(*row)
        by_person.setdefault((span.user_id, span.role), []).append(span)
    for spans in by_person.values():
        for one, other in combinations(spans, 2):
            if overlap(one, (other,)):
                yield f"person {one.user_id} holds the role {one.role} twice from {max(one.from_on, other.from_on)} on"


def double_roles(roles: Collection[str]) -> list[Any]:
    """Return why some of these roles should not be one person's; empty where nothing speaks against it."""
    held = set(roles)
    return [reason for one, others, reason in DOUBLE_ROLES if held & one and held & others]
