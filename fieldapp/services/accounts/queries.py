"""Reading people and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, ScalarSelect, Select, bindparam, column, select, table
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

#: The trail's end: every command moves it, whatever it wrote.
_trail = select(column("last")).select_from(table("audit_head")).scalar_subquery()
_wrong = (UserSession.wrong_count, UserSession.wrong_at, UserSession.wrong_network)
_account = (User.id, User.username, User.name, User.active, Membership.role, Membership.group_id)
_person = Prepared(
    select(*_account, _trail)
    .outerjoin(Membership, Membership.user_id == User.id)
    .where(User.id == bindparam("user_id"))
    .order_by(Membership.id)
)
#: Session, person and roles in one statement: every request of a session asks for them.
_session = Prepared(
    select(*_account, _trail, UserSession.id, UserSession.dev, UserSession.created_at, UserSession.seen_at, *_wrong)
    .join(User, User.id == UserSession.user_id)
    .outerjoin(Membership, Membership.user_id == User.id)
    .where(
        UserSession.hash == bindparam("hash"),
        UserSession.ended_at.is_(None),
        UserSession.seen_at > bindparam("seen_after", type_=Moment),
        UserSession.created_at > bindparam("created_after", type_=Moment),
        User.active,
    )
    # Compared as a whole between two requests.
    .order_by(Membership.id)
)
#: So many columns of its rows are of the person and the trail, which pages are made from; the others of the session.
_PERSON_COLUMNS = len(_account) + 1

_names = Prepared(select(User.id, User.name).where(among(User.id, "ids")))
_groups = Prepared(select(Group.id, Group.name).order_by(Group.id))


def actor_of(user_id: int) -> Actor:
    """Return the person with all roles, groups and verbs, in one query. Raise NotFound."""
    rows = _person.rows(reading(), user_id=user_id)
    if not rows:
        raise NotFound("user.not_found")
    return _actor(rows)


@dataclass(frozen=True)
class CurrentSession:
    """The session of a request: its id, the phone it is on as far as known, when it began and was last noted."""

    id: str
    dev: str | None
    created_at: datetime
    seen_at: datetime
    #: Wrong passwords tried since the sign-in before: how many, when last, from where.
    wrong_count: int = 0
    wrong_at: datetime | None = None
    wrong_network: str = ""


#: Columns of person and trail, a row for each role: what pages are made from.
PersonRows = list[tuple[Any, ...]]


def person_in_session(engine: Engine, digest: str, lasts: Lifetime) -> tuple[Actor, CurrentSession, PersonRows] | None:
    """Return the person of the living session with this hash, and what was read; None where there is none."""
    rows = _session_rows(engine, digest, lasts)
    if not rows:
        return None
    seen = [row[:_PERSON_COLUMNS] for row in rows]
    return _actor(seen), CurrentSession(*rows[0][_PERSON_COLUMNS:]), seen


def session_reader(engine: Engine, lasts: Lifetime) -> Callable[[str], PersonRows]:
    """Return a function from a session's hash to what pages are made from, to be called outside of any request."""
    return lambda digest: [row[:_PERSON_COLUMNS] for row in _session_rows(engine, digest, lasts)]


def _session_rows(engine: Engine, digest: str, lasts: Lifetime) -> PersonRows:
    now = clock.now()
    given = {"hash": digest, "seen_after": now - lasts.idle, "created_after": now - lasts.longest}
    return _session.rows_alone(engine, **given)


def _actor(rows: PersonRows) -> Actor:
    return _as(GRANTS(), *rows[0][:4], tuple((row[4], row[5]) for row in rows if row[4] is not None))


@lru_cache(maxsize=1024)
def _as(
    grants: Grants, user_id: int, username: str, name: str, active: bool, held: tuple[tuple[str, int | None], ...]
) -> Actor:
    """Plain data made from what was just read: the same for the same."""
    roles = frozenset(role for role, _ in held)
    return Actor(
        id=user_id,
        username=username,
        name=name,
        roles=roles,
        groups=frozenset(group for _, group in held if group is not None),
        leads=frozenset(group for role, group in held if role == "leader" and group is not None),
        verbs=grants.verbs_of(roles),
        active=active,
    )


def names_of(user_ids: Iterable[int]) -> dict[int, str]:
    """Names by user id."""
    wanted = set(user_ids)
    if not wanted:
        return {}
    return dict(_names.rows(reading(), ids=list(wanted)))


def name_by(user_id: Any) -> ScalarSelect[str]:
    """The name of the person in a column, to be read along with the row instead of in a query of its own."""
    return select(User.name).where(User.id == user_id).scalar_subquery()


def group_name_by(group_id: Any) -> ScalarSelect[str]:
    """Return the name of the group in a column as a column, read along with the row."""
    return select(Group.name).where(Group.id == group_id).scalar_subquery()


def group_names() -> dict[int, str]:
    """Names of all groups by id, in the order of their founding."""
    return dict(_groups.rows(reading()))


def technicians_of(group_ids: Iterable[int]) -> list[tuple[int, str]]:
    """`(id, name)` of the technicians of these groups who can sign in, by name."""
    query = (
        select(User.id, User.name)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.role == "technician", Membership.group_id.in_(set(group_ids)), User.active)
        .order_by(User.name)
        .distinct()
    )
    return list(db.session.execute(query).all())


def technicians_by_group(group_ids: Iterable[int]) -> dict[int, list[tuple[int, str]]]:
    """`(id, name)` of the technicians who can sign in, by group; one query."""
    query = (
        select(Membership.group_id, User.id, User.name)
        .join(User, User.id == Membership.user_id)
        .where(Membership.role == "technician", Membership.group_id.in_(set(group_ids)), User.active)
        .order_by(User.name)
        .distinct()
    )
    found: dict[int, list[tuple[int, str]]] = {}
    for group, user, name in db.session.execute(query):
        if group is not None:
            found.setdefault(group, []).append((user, name))
    return found


def members_of(group_ids: Iterable[int]) -> Select[Any]:
    """User ids of everybody in these groups, to be used within another query."""
    return select(Membership.user_id).where(Membership.group_id.in_(set(group_ids)))


def groups_of(user_id: int) -> frozenset[int]:
    """The groups a person belongs to, in whatever role."""
    query = select(Membership.group_id).where(Membership.user_id == user_id, Membership.group_id.is_not(None))
    return frozenset(group for group in db.session.scalars(query) if group is not None)


@dataclass(frozen=True)
class Memberships:
    """The groups of people by id, and the leaders of those groups by group."""

    groups: dict[int, set[int]]
    leaders: dict[int, set[int]]


def memberships_of(user_ids: Iterable[int]) -> Memberships:
    """The groups of these people and who leads them; two queries."""
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
    """User ids of those the person `me` decides about: members of the groups in `led`, and for a manager also those
    whom nobody else leads.

    As a subquery with these two parameters, to be asked along with what those people did.
    """
    me = bindparam("me", type_=User.id.type)
    led = select(Membership.user_id).where(among(Membership.group_id, "led"), Membership.user_id != me)
    if not manager:
        return led
    mine, leader = aliased(Membership), aliased(Membership)
    has_leader = (
        select(mine.id)
        .join(leader, leader.group_id == mine.group_id)
        .where(mine.user_id == User.id, leader.role == "leader", leader.user_id != User.id)
    )
    return led.union(select(User.id).where(User.id != me, ~has_leader.exists()))


def leaders_of(*group_ids: int) -> list[int]:
    """User ids of the leaders of a group, or of several."""
    query = select(Membership.user_id).where(Membership.role == "leader", Membership.group_id.in_(group_ids))
    return list(db.session.scalars(query))


def people_with_role(role: str) -> list[int]:
    """User ids of everybody who holds a role anywhere."""
    return list(db.session.scalars(select(Membership.user_id).where(Membership.role == role).distinct()))
