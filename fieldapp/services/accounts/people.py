"""Queries of the people page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select

from fieldapp.platform.extensions import db
from fieldapp.services.accounts.members import held_on
from fieldapp.services.accounts.models import Group, Membership, User, UserSession
from fieldapp.services.accounts.roles import role_name

_last_seen = select(func.max(UserSession.seen_at)).where(UserSession.user_id == User.id).scalar_subquery()


def listed() -> Select[Any]:
    """Return the query for all accounts: name, id, user name, active, last seen."""
    query: Any = select(User.name, User.id, User.username, User.active, _last_seen.label("seen_at"))
    return query


def named(query: Select[Any], value: str) -> Select[Any]:
    """Narrow the query to people whose name or user name contains `value`."""
    pattern = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return query.where(User.name.ilike(f"%{pattern}%", escape="\\") | User.username.ilike(f"%{pattern}%", escape="\\"))


def person_row(user_id: int) -> Any:
    """Return one row of `listed()`, or None."""
    return db.session.execute(listed().where(User.id == user_id)).one_or_none() if user_id < 2**31 else None


def roles_of(rows: Iterable[Any], *, on: date) -> dict[int, list[tuple[Any, str]]]:
    """Return the `(role, group)` names held on a day by user id, in one query; a role in all
    groups has none."""
    user_ids = [row.id for row in rows]
    query = (
        select(Membership.user_id, Membership.role, Membership.kind, Group.name)
        .outerjoin(Group, Group.id == Membership.group_id)
        .where(Membership.user_id.in_(user_ids), held_on(on))
        .order_by(Membership.id)
    )
    roles: dict[int, list[tuple[Any, str]]] = {user: [] for user in user_ids}
    for user, role, kind, group in db.session.execute(query):
        roles[user].append((role_name(role, kind), group or ""))
    return roles
