"""Queries for actors, sessions and names. Questions about memberships are in members.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Engine,
    ScalarSelect,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from fieldapp.config import Lifetime
from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor, Principal
from fieldapp.kernel.grants import Grants
from fieldapp.platform.database import Moment
from fieldapp.platform.database.statements import Prepared
from fieldapp.platform.extensions import GRANTS, db, reading
from fieldapp.services.accounts.members import acting, held
from fieldapp.services.accounts.models import Deputy, Group, Membership, User, UserSession
from fieldapp.services.accounts.roles import WITH_DEPUTIES, deputy_verbs

_wrong_columns = (UserSession.wrong_count, UserSession.wrong_at, UserSession.wrong_network)
_account_columns = (User.id, User.username, User.name, User.active, Membership.role, Membership.group_id)
_principal = aliased(User, name="principal")
#: After the account: on whose behalf the role is held (0 for one's own), their name, the acts and the group named.
_own_columns: tuple[Any, ...] = (
    literal_column("0").label("principal_id"),
    literal_column("''").label("principal_name"),
    literal_column("''").label("verbs"),
    literal_column("0").label("only_group"),
)
_deputy_columns = (
    Deputy.principal_id.label("principal_id"),
    _principal.name.label("principal_name"),
    Deputy.verbs.label("verbs"),
    func.coalesce(Deputy.group_id, 0).label("only_group"),
)


def _roles_of(columns: Sequence[Any], of: Callable[[Any], Any]) -> CompoundSelect[Any]:
    """Return the statement for a person's rows: one per own role, then one per role held as somebody's deputy.

    `of` joins the person and narrows to them. Parameters: the day `on` and the moment `now`.
    """
    row_id = Membership.id.label("membership_id")
    own = of(select(*_account_columns, *_own_columns, *columns, row_id)).outerjoin(
        Membership, and_(Membership.user_id == User.id, held())
    )
    as_deputy = (
        of(select(*_account_columns, *_deputy_columns, *columns, row_id))
        .join(Deputy, and_(Deputy.deputy_id == User.id, acting()))
        .join(_principal, and_(_principal.id == Deputy.principal_id, _principal.active))
        .join(Membership, and_(Membership.user_id == _principal.id, Membership.role.in_(WITH_DEPUTIES), held()))
    )
    return union_all(own, as_deputy).order_by("principal_id", "membership_id", "verbs", "only_group")


_person = Prepared(_roles_of((), lambda query: query.select_from(User).where(User.id == bindparam("user_id"))))
#: Session, person and roles in one statement, because every request with a session needs them.
_session = Prepared(
    _roles_of(
        (UserSession.id, UserSession.dev, UserSession.created_at, UserSession.seen_at, *_wrong_columns),
        lambda query: (
            query.select_from(UserSession)
            .join(User, User.id == UserSession.user_id)
            .where(
                UserSession.hash == bindparam("hash"),
                UserSession.ended_at.is_(None),
                UserSession.seen_at > bindparam("seen_after", type_=Moment),
                UserSession.created_at > bindparam("created_after", type_=Moment),
                User.active,
            )
        ),
    )
)
#: Number of leading columns about the person; the rest is the session's.
_PERSON_COLUMNS = len(_account_columns) + len(_own_columns)


def actor_of(user_id: int) -> Actor:
    """Return the person with the roles, groups and verbs of now, in one query. Raise NotFound."""
    return actor_at(user_id, clock.now())


def actor_at(user_id: int, moment: datetime) -> Actor:
    """Return the person with what they held at a moment: the roles of its day, and whom they were deputy for then.

    Raise NotFound. An account that was closed since then is not active.
    """
    rows = _person.rows(reading(), user_id=user_id, **_at(moment))
    if not rows:
        raise NotFound("user.not_found")
    return _actor_of_rows(rows)


def _at(moment: datetime) -> dict[str, Any]:
    return {"on": clock.local(moment).date(), "now": moment}


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
    rows = _session.rows_alone(engine, **params, **_at(now))
    if not rows:
        return None
    return _actor_of_rows([row[:_PERSON_COLUMNS] for row in rows]), CurrentSession(*rows[0][_PERSON_COLUMNS:-1])


def _actor_of_rows(rows: list[tuple[Any, ...]]) -> Actor:
    return _make_actor(GRANTS(), *rows[0][:4], tuple(row[4:10] for row in rows if row[4] is not None))


@lru_cache(maxsize=1024)
def _make_actor(
    grants: Grants,
    user_id: int,
    username: str,
    name: str,
    active: bool,
    held_roles: tuple[tuple[str, int | None, int, str, str, int], ...],
) -> Actor:
    """Return the actor for these values. Cached, because it depends on its arguments only."""
    own_roles = [(role, group) for role, group, principal, *_ in held_roles if not principal]
    roles = frozenset(role for role, _ in own_roles)
    actor = Actor(
        id=user_id,
        username=username,
        name=name,
        roles=roles,
        groups=frozenset(group for _, group in own_roles if group is not None),
        leads=_led(own_roles),
        verbs=grants.verbs_of(roles),
        active=active,
    )
    principals = _principals(grants, held_roles)
    if not principals:
        return actor
    return replace(
        actor,
        roles=roles.union(*(one.roles for one in principals)),
        leads=actor.leads.union(*(one.leads for one in principals)),
        verbs=actor.verbs.union(*(one.verbs for one in principals)),
        principals=principals,
        own=actor,
    )


def _led(roles: Iterable[tuple[str, int | None]]) -> frozenset[int]:
    return frozenset(group for role, group in roles if role == "leader" and group is not None)


def _principals(
    grants: Grants, held_roles: Iterable[tuple[str, int | None, int, str, str, int]]
) -> tuple[Principal, ...]:
    """Return the people for whom the rows let somebody decide; one for each deputyship that differs."""
    found: dict[tuple[int, str, str, int], list[tuple[str, int | None]]] = {}
    for role, group, principal, name, verbs, only_group in held_roles:
        if principal and (not only_group or group == only_group):
            found.setdefault((principal, name, verbs, only_group), []).append((role, group))
    made = []
    for (principal, name, verbs, _), roles in found.items():
        names = frozenset(role for role, _ in roles)
        may = deputy_verbs(grants.verbs_of(names))
        decides = may & frozenset(verbs.split()) if verbs else may
        # What is decided about must be seen, and nothing else.
        kinds = {verb.partition(".")[0] for verb in decides}
        seen = {verb for verb in grants.verbs_of(names) if verb.endswith(".view") and verb.partition(".")[0] in kinds}
        made.append(Principal(principal, name, names, _led(roles), decides | seen))
    return tuple(made)


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
