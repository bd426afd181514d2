"""Queries for people, groups and sessions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, ScalarSelect, Select, bindparam, select
from sqlalchemy.orm import aliased

from fieldapp.config import Lifetime
from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.grants import Grants
from fieldapp.platform.database import Moment, among
from fieldapp.platform.database.statements import Prepared
from fieldapp.platform.extensions import GRANTS, db, reading
from fieldapp.services.accounts.models import Group, Membership, User, UserSession

_wrong_columns = (UserSession.wrong_count, UserSession.wrong_at, UserSession.wrong_network)
_account_columns = (User.id, User.username, User.name, User.active, Membership.role, Membership.group_id)
_person = Prepared(
    select(*_account_columns)
    .outerjoin(Membership, Membership.user_id == User.id)
    .where(User.id == bindparam("user_id"))
    .order_by(Membership.id)
)
#: Session, person and roles in one statement, because every request with a session needs them.
_session = Prepared(
    select(
        *_account_columns,
        UserSession.id,
        UserSession.dev,
        UserSession.created_at,
        UserSession.seen_at,
        *_wrong_columns,
    )
    .join(User, User.id == UserSession.user_id)
    .outerjoin(Membership, Membership.user_id == User.id)
    .where(
        UserSession.hash == bindparam("hash"),
        UserSession.ended_at.is_(None),
        UserSession.seen_at > bindparam("seen_after", type_=Moment),
        UserSession.created_at > bindparam("created_after", type_=Moment),
        User.active,
    )
    .order_by(Membership.id)
)
#: Number of leading columns about the person; the rest is the session.
_PERSON_COLUMNS = len(_account_columns)


def actor_of(user_id: int) -> Actor:
    """Return the person with roles, groups and verbs, in one query. Raise NotFound."""
    rows = _person.rows(reading(), user_id=user_id)
    if not rows:
        raise NotFound("user.not_found")
    return _actor_of_rows(rows)


@dataclass(frozen=True)
class CurrentSession:
    """Session of a request: id, phone if known, begin, and last recorded use."""

    id: str
    dev: str | None
    created_at: datetime
    seen_at: datetime
    #: Wrong passwords entered since the previous sign-in: count, time and network of the last.
    wrong_count: int = 0
    wrong_at: datetime | None = None
    wrong_network: str = ""


def person_in_session(engine: Engine, digest: str, lifetime: Lifetime) -> tuple[Actor, CurrentSession] | None:
    """Return actor and session of the active session with this hash, or None."""
    now = clock.now()
    params = {"hash": digest, "seen_after": now - lifetime.idle, "created_after": now - lifetime.longest}
    rows = _session.rows_alone(engine, **params)
    if not rows:
        return None
    return _actor_of_rows([row[:_PERSON_COLUMNS] for row in rows]), CurrentSession(*rows[0][_PERSON_COLUMNS:])


def _actor_of_rows(rows: list[tuple[Any, ...]]) -> Actor:
    return _make_actor(GRANTS(), *rows[0][:4], tuple((row[4], row[5]) for row in rows if row[4] is not None))


@lru_cache(maxsize=1024)
def _make_actor(
    grants: Grants,
    user_id: int,
    username: str,
    name: str,
    active: bool,
    memberships: tuple[tuple[str, int | None], ...],
) -> Actor:
    """Return the actor for these values. Cached, because it depends on its arguments only."""
    roles = frozenset(role for role, _ in memberships)
    return Actor(
        id=user_id,
        username=username,
        name=name,
        roles=roles,
        groups=frozenset(group for _, group in memberships if group is not None),
        leads=frozenset(group for role, group in memberships if role == "leader" and group is not None),
        verbs=grants.verbs_of(roles),
        active=active,
    )


def names_of(user_ids: Iterable[int]) -> dict[int, str]:
    """Return names by user id."""
    ids = set(user_ids)
    if not ids:
        return {}
    return {user: name for user, name in db.session.execute(select(User.id, User.name).where(User.id.in_(ids)))}


def name_by(user_id: Any) -> ScalarSelect[str]:
    """Return a scalar subquery for the name of the person in a column, which saves a query per page."""
    return select(User.name).where(User.id == user_id).scalar_subquery()


def group_name_by(group_id: Any) -> ScalarSelect[str]:
    """Return the name of the group in a column as a column, read along with the row."""
    return select(Group.name).where(Group.id == group_id).scalar_subquery()


def group_names() -> dict[int, str]:
    """Return the names of all groups by id, in order of id."""
    return {group: name for group, name in db.session.execute(select(Group.id, Group.name).order_by(Group.id))}


def technicians_of(group_ids: Iterable[int]) -> list[tuple[int, str]]:
    """Return `(id, name)` of the active technicians of these groups, by name."""
    query = (
        select(User.id, User.name)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.role == "technician", Membership.group_id.in_(set(group_ids)), User.active)
        .order_by(User.name)
        .distinct()
    )
    return list(db.session.execute(query).all())


def technicians_by_group(group_ids: Iterable[int]) -> dict[int, list[tuple[int, str]]]:
    """Return `(id, name)` of the active technicians by group, in one query."""
    query = (
        select(Membership.group_id, User.id, User.name)
        .join(User, User.id == Membership.user_id)
        .where(Membership.role == "technician", Membership.group_id.in_(set(group_ids)), User.active)
        .order_by(User.name)
        .distinct()
    )
    technicians: dict[int, list[tuple[int, str]]] = {}
    for group, user, name in db.session.execute(query):
        if group is not None:
            technicians.setdefault(group, []).append((user, name))
    return technicians


def members_of(group_ids: Iterable[int]) -> Select[Any]:
    """Return a subquery for the user ids of all members of these groups."""
    return select(Membership.user_id).where(Membership.group_id.in_(set(group_ids)))


def groups_of(user_id: int) -> frozenset[int]:
    """Return the ids of the groups a person belongs to, in any role."""
    query = select(Membership.group_id).where(Membership.user_id == user_id, Membership.group_id.is_not(None))
    return frozenset(group for group in db.session.scalars(query) if group is not None)


@dataclass(frozen=True)
class Memberships:
    """Groups by user id, and leaders by group id."""

    groups: dict[int, set[int]]
    leaders: dict[int, set[int]]


def memberships_of(user_ids: Iterable[int]) -> Memberships:
    """Return the groups of these people and the leaders of those groups, in two queries."""
    groups: dict[int, set[int]] = {user: set() for user in user_ids}
    pairs = select(Membership.user_id, Membership.group_id)
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

    These are the members of the groups in `led`; for a manager also everybody without another leader. `me` and `led`
    are bind parameters of the query around it.
    """
    me = bindparam("me", type_=User.id.type)
    led = select(Membership.user_id).where(among(Membership.group_id, "led"), Membership.user_id != me)
    if not manager:
        return led
    own, leader = aliased(Membership), aliased(Membership)
    has_leader = (
        select(own.id)
        .join(leader, leader.group_id == own.group_id)
        .where(own.user_id == User.id, leader.role == "leader", leader.user_id != User.id)
    )
    return led.union(select(User.id).where(User.id != me, ~has_leader.exists()))


def leaders_of(*group_ids: int) -> list[int]:
    """Return the user ids of the leaders of these groups."""
    query = select(Membership.user_id).where(Membership.role == "leader", Membership.group_id.in_(group_ids))
    return list(db.session.scalars(query))


def people_with_role(role: str) -> list[int]:
    """Return the user ids of everybody with this role, in any group."""
    return list(db.session.scalars(select(Membership.user_id).where(Membership.role == role).distinct()))
