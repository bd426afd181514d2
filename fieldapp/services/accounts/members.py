"""Who belongs to which group in which role, on a day that the caller always names (ADR 40)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, bindparam, or_, select
from sqlalchemy.orm import aliased

from fieldapp.platform.database import Moment, among
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import Deputy, Membership, User


def held_on(day: Any, of: Any = Membership) -> ColumnElement[bool]:
    """Return the condition that a membership holds on a day: from its first day, before the first day outside."""
    return and_(of.from_on <= day, or_(of.until_on.is_(None), of.until_on > day))


def held(of: Any = Membership) -> ColumnElement[bool]:
    """Return `held_on` for the parameter `on`, for prepared statements."""
    return held_on(bindparam("on", type_=Date), of)


def acting() -> ColumnElement[bool]:
    """Return the condition that a deputy acts at the moment `now`, a parameter: the last moment is outside."""
    now = bindparam("now", type_=Moment)
    return and_(Deputy.from_at <= now, Deputy.to_at > now, or_(Deputy.ended_at.is_(None), Deputy.ended_at > now))


def technicians_of(group_ids: Iterable[int], *, on: date) -> list[tuple[int, str]]:
    """Return `(id, name)` of the active technicians of these groups on a day, by name."""
    query = (
        select(User.id, User.name)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.role == "technician", Membership.group_id.in_(set(group_ids)), held_on(on), User.active)
        .order_by(User.name)
        .distinct()
    )
    return list(db.session.execute(query).all())


def technicians_by_group(group_ids: Iterable[int], *, on: date) -> dict[int, list[tuple[int, str]]]:
    """Return `(id, name)` of the active technicians on a day by group, in one query."""
    query = (
        select(Membership.group_id, User.id, User.name)
        .join(User, User.id == Membership.user_id)
        .where(Membership.role == "technician", Membership.group_id.in_(set(group_ids)), held_on(on), User.active)
        .order_by(User.name)
        .distinct()
    )
    technicians: dict[int, list[tuple[int, str]]] = {}
    for group, user, name in db.session.execute(query):
        if group is not None:
            technicians.setdefault(group, []).append((user, name))
    return technicians


def members_of(group_ids: Iterable[int], *, on: date) -> Select[Any]:
    """Return a subquery for the user ids of all members of these groups on a day."""
    return select(Membership.user_id).where(Membership.group_id.in_(set(group_ids)), held_on(on))


def groups_of(user_id: int, *, on: date) -> frozenset[int]:
    """Return the ids of the groups a person belongs to on a day, in any role."""
    query = select(Membership.group_id).where(
        Membership.user_id == user_id, Membership.group_id.is_not(None), held_on(on)
    )
    return frozenset(group for group in db.session.scalars(query) if group is not None)


def roles_on(user_id: int, *, on: date) -> frozenset[str]:
    """Return the roles a person holds on a day, in any group."""
    return frozenset(db.session.scalars(select(Membership.role).where(Membership.user_id == user_id, held_on(on))))


@dataclass(frozen=True)
class Memberships:
    """Groups by user id, and leaders by group id."""

    groups: dict[int, set[int]]
    leaders: dict[int, set[int]]


def memberships_of(user_ids: Iterable[int], *, on: date) -> Memberships:
    """Return the groups of these people and the leaders of those groups on a day, in two queries."""
    groups: dict[int, set[int]] = {user: set() for user in user_ids}
    pairs = select(Membership.user_id, Membership.group_id).where(held_on(on))
    for user, group in db.session.execute(pairs.where(Membership.user_id.in_(groups))):
        if group is not None:
            groups[user].add(group)
    leaders: dict[int, set[int]] = {}
    in_them = Membership.group_id.in_(set().union(*groups.values()))
    for user, group in db.session.execute(pairs.where(Membership.role == "leader", in_them)):
        if group is not None:
            leaders.setdefault(group, set()).add(user)
    return Memberships(groups, leaders)


def people_under(manager: bool) -> Any:
    """Return a subquery for the people whose requests the person `me` decides.

    These are the members of the groups in `led`; for a manager also everybody without another leader. `me`, `led` and
    the day `on` are bind parameters of the query around it.
    """
    me = bindparam("me", type_=User.id.type)
    led = select(Membership.user_id).where(among(Membership.group_id, "led"), Membership.user_id != me, held())
    if not manager:
        return led
    own, leader = aliased(Membership), aliased(Membership)
    has_leader = (
        select(own.id)
        .join(leader, leader.group_id == own.group_id)
        .where(own.user_id == User.id, leader.role == "leader", leader.user_id != User.id, held(own), held(leader))
    )
    return led.union(select(User.id).where(User.id != me, ~has_leader.exists()))


def leaders_of(*group_ids: int, on: date) -> list[int]:
    """Return the user ids of the leaders and vice leaders of these groups on a day."""
    query = select(Membership.user_id).where(Membership.role == "leader", Membership.group_id.in_(group_ids))
    return list(db.session.scalars(query.where(held_on(on)).order_by(Membership.kind, Membership.id)))


def active_holders(role: str, group_id: int | None, *, on: date) -> frozenset[int]:
    """Return the user ids of everybody with an open account and this role on a day, in one group if it is given."""
    query = select(Membership.user_id).join(User, User.id == Membership.user_id)
    query = query.where(Membership.role == role, held_on(on), User.active)
    return frozenset(db.session.scalars(query if group_id is None else query.where(Membership.group_id == group_id)))


def people_with_role(role: str, *, on: date) -> list[int]:
    """Return the user ids of everybody with this role on a day, in any group."""
    query = select(Membership.user_id).where(Membership.role == role, held_on(on))
    return list(db.session.scalars(query.distinct()))
