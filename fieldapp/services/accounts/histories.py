"""Queries of the pages about memberships, groups and deputies: past, now and coming."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import aliased

from fieldapp.platform.extensions import db
from fieldapp.services.accounts.members import held_on
from fieldapp.services.accounts.models import Deputy, Group, Membership, User
from fieldapp.services.accounts.overlaps import double_roles
from fieldapp.services.accounts.roles import POST_ROLES, role_name

#: Largest number of memberships shown of one person or group.
MOST_SHOWN = 200


class MembershipLine(NamedTuple):
    """A membership as a page shows it. `state`: `now`, `coming`, `past`, `withdrawn`."""

    id: int
    user_id: int
    person: str
    role: str
    kind: str
    group_id: int | None
    group: str
    from_on: date
    until_on: date | None
    reason: str
    by: str
    state: str

    @property
    def label(self) -> Any:
        """The name of the role; a vice leader has one of their own."""
        return role_name(self.role, self.kind)

    @property
    def post(self) -> str:
        """The value of the role in a form."""
        return next((post for post, pair in POST_ROLES.items() if pair == (self.role, self.kind)), self.role)

    @property
    def changeable(self) -> bool:
        """Whether the membership holds now or later."""
        return self.state in {"now", "coming"}


def _state(since: date, until: date | None, on: date) -> str:
    if until is not None and until <= since:
        return "withdrawn"
    if since > on:
        return "coming"
    return "past" if until is not None and until <= on else "now"


def _lines(*conditions: Any, on: date) -> list[MembershipLine]:
    author = aliased(User)
    columns = (Membership.id, Membership.user_id, User.name, Membership.role, Membership.kind, Membership.group_id)
    query = (
        select(*columns, Group.name, Membership.from_on, Membership.until_on, Membership.reason, author.name)
        .join(User, User.id == Membership.user_id)
        .outerjoin(Group, Group.id == Membership.group_id)
        .outerjoin(author, author.id == Membership.by)
        .where(*conditions)
        .order_by(Membership.from_on.desc(), Membership.id.desc())
        .limit(MOST_SHOWN)
    )
    return [
        MembershipLine(*row[:6], row[6] or "", *row[7:10], row[10] or "", _state(row[7], row[8], on))
        for row in db.session.execute(query)
    ]


def of_person(user_id: int, *, on: date) -> list[MembershipLine]:
    """Return a person's memberships, the latest first, as seen on a day."""
    return _lines(Membership.user_id == user_id, on=on)


def of_group(group_id: int, *, on: date) -> list[MembershipLine]:
    """Return a group's memberships, the latest first, as seen on a day."""
    return _lines(Membership.group_id == group_id, on=on)


def by_state(lines: Iterable[MembershipLine], *states: str) -> list[MembershipLine]:
    """Return the lines in these states."""
    return [line for line in lines if line.state in states]


def doubts_about(lines: Sequence[MembershipLine]) -> list[Any]:
    """Return what speaks against the roles that a person holds or will hold together."""
    return double_roles({line.role for line in lines if line.changeable})


class GroupLine(NamedTuple):
    """A group as the list shows it."""

    id: int
    name: str
    city: str
    parent: str
    ended_on: date | None
    members: int


def groups_on(day: date) -> list[GroupLine]:
    """Return all groups with the number of people in them on a day, by name."""
    parent = aliased(Group)
    count = select(func.count(Membership.user_id.distinct())).where(Membership.group_id == Group.id, held_on(day))
    query = select(
        Group.id, Group.name, Group.city, func.coalesce(parent.name, ""), Group.ended_on, count.scalar_subquery()
    ).outerjoin(parent, parent.id == Group.parent_id)
    return [GroupLine(*row) for row in db.session.execute(query.order_by(Group.name))]


def group_row(group_id: int) -> Group | None:
    """Return a group, or None."""
    return db.session.get(Group, group_id) if 0 < group_id < 2**31 else None


class DeputyLine(NamedTuple):
    """A deputy's turn as pages show it. `state`: `now`, `coming`, `past`."""

    id: str
    principal_id: int
    principal: str
    deputy: str
    from_at: datetime
    to_at: datetime
    verbs: str
    group: str
    reason: str
    ended_at: datetime | None
    state: str

    @property
    def kinds(self) -> list[str]:
        """The types of record that were named; empty for all."""
        return sorted({verb.partition(".")[0] for verb in self.verbs.split()})

    @property
    def until(self) -> datetime:
        """When the turn ends, or ended."""
        return min(self.to_at, self.ended_at or self.to_at)


def deputies_of(user_id: int, now: datetime, *, past: bool = True) -> list[DeputyLine]:
    """Return whom a person named as deputy and whom they are deputy for, the latest first."""
    principal, deputy = aliased(User), aliased(User)
    query = (
        select(
            Deputy.id,
            Deputy.principal_id,
            principal.name,
            deputy.name,
            Deputy.from_at,
            Deputy.to_at,
            Deputy.verbs,
            func.coalesce(Group.name, ""),
            Deputy.reason,
            Deputy.ended_at,
        )
        .join(principal, principal.id == Deputy.principal_id)
        .join(deputy, deputy.id == Deputy.deputy_id)
        .outerjoin(Group, Group.id == Deputy.group_id)
        .where(or_(Deputy.principal_id == user_id, Deputy.deputy_id == user_id))
        .order_by(Deputy.from_at.desc(), Deputy.id.desc())
        .limit(MOST_SHOWN)
    )
    if not past:
        query = query.where(Deputy.to_at > now, or_(Deputy.ended_at.is_(None), Deputy.ended_at > now))
    return [
        DeputyLine(*row[:10], _turn(row.from_at, row.to_at, row.ended_at, now)) for row in db.session.execute(query)
    ]


def _turn(since: datetime, until: datetime, ended: datetime | None, now: datetime) -> str:
    if min(until, ended or until) <= now:
        return "past"
    return "coming" if since > now else "now"


def possible_deputies(user_id: int) -> list[tuple[str, str]]:
    """Return `(id, name)` of everybody else with an open account, by name."""
    query = select(User.id, User.name).where(User.active, User.id != user_id).order_by(User.name)
    return [(str(number), name) for number, name in db.session.execute(query)]


def open_groups(on: date) -> list[tuple[str, str]]:
    """Return `(id, name)` of the groups that have not ended on a day, for a select."""
    query = select(Group.id, Group.name).where(or_(Group.ended_on.is_(None), Group.ended_on > on)).order_by(Group.name)
    return [("", "—"), *((str(number), name) for number, name in db.session.execute(query))]
