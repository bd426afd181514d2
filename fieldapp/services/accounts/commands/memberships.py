"""Commands that begin, change and end memberships and roles (D-GROUP-1, ADR 40)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict, Invalid, NotFound
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.platform.web.page import day
from fieldapp.services.accounts.commands.accounts import load_user, may_change_account
from fieldapp.services.accounts.models import Group, Membership, User
from fieldapp.services.accounts.overlaps import Span, overlap
from fieldapp.services.accounts.roles import GROUP_ROLES, POST_ROLES, role_name
from fieldapp.services.accounts.schemas import Begin, Change, End


@command(
    "membership.begin", label=_l("Give a role"), schema=Begin, load=load_user, may=may_change_account, aggs=("user",)
)
def begin(ctx: Context, user: User, data: dict[str, Any]) -> Effect:
    """Give a person a role from a day on. The person's row is locked, so that no two roles overlap."""
    row = _new_row(ctx, user, data)
    _check_no_overlap(ctx, row)
    ctx.session.add(row)
    ctx.session.flush()
    return Effect(after=_facts(row))


@command(
    "membership.change",
    label=_l("Change the role"),
    schema=Change,
    load=load_user,
    may=may_change_account,
    aggs=("user",),
)
def change(ctx: Context, user: User, data: dict[str, Any]) -> Effect:
    """End a role on a day and let another one begin on it: a move to another group, a new leader."""
    old = _load_membership(ctx, user, data["membership_id"])
    before = _facts(old)
    if old.until_on is not None and old.until_on <= data["from_on"] and old.until_on > old.from_on:
        raise Invalid.field("from_on", gettext("The role ends before this day. Enter a new one instead."))
    old.until_on = max(old.from_on, data["from_on"])
    row = _new_row(ctx, user, data)
    ctx.session.flush()
    _check_no_overlap(ctx, row)
    ctx.session.add(row)
    ctx.session.flush()
    return Effect(before=before, after={**_facts(row), "ended": old.id})


@command(
    "membership.end", label=_l("Change the end"), schema=End, load=load_user, may=may_change_account, aggs=("user",)
)
def end(ctx: Context, user: User, data: dict[str, Any]) -> Effect:
    """End a role, move its end, or take the end back. A role that did not begin yet is withdrawn."""
    row = _load_membership(ctx, user, data["membership_id"])
    before, until = _facts(row), data.get("until_on")
    row.until_on = None if until is None else max(row.from_on, until)
    _check_group(ctx, row, "until_on")
    _check_no_overlap(ctx, row, "until_on")
    row.reason = data["reason"]
    return Effect(before=before, after=_facts(row))


@dataclass(frozen=True)
class _Post:
    role: str
    kind: str


def _new_row(ctx: Context, user: User, data: dict[str, Any]) -> Membership:
    post = _Post(*POST_ROLES.get(data["post"], (data["post"], "member")))
    group, until = data.get("group_id"), data.get("until_on")
    if (post.role in GROUP_ROLES) != (group is not None):
        message = _l("This role needs a group.") if group is None else _l("This role has no group.")
        raise Invalid.field("group_id", message)
    if until is not None and until <= data["from_on"]:
        raise Invalid.field("until_on", _l("This day is not after the first one."))
    row = Membership(
        user_id=user.id,
        group_id=group,
        role=post.role,
        kind=post.kind,
        from_on=data["from_on"],
        until_on=until,
        by=ctx.actor.id,
        reason=data["reason"],
    )
    _check_group(ctx, row, "group_id")
    return row


def _check_group(ctx: Context, row: Membership, field: str) -> None:
    """Raise Invalid if the group is unknown, or ends before the membership. Lock it: its end may be entered now."""
    if row.group_id is None:
        return
    group = ctx.find(Group, row.group_id)
    if group is None:
        raise Invalid.field("group_id", _l("This record is not known."))
    if group.ended_on is not None and (row.until_on is None or row.until_on > group.ended_on):
        raise Invalid.field(field, gettext("The group ends on %(day)s.", day=day(group.ended_on)))


def _check_no_overlap(ctx: Context, row: Membership, field: str = "from_on") -> None:
    """Raise Invalid if another membership of the same kind holds on a day of this one."""
    others = ctx.scalars(select(Membership).where(Membership.user_id == row.user_id, Membership.role == row.role))
    other = overlap(_span(row), (_span(one) for one in others if one is not row))
    if other is None:
        return
    group = ctx.session.get(Group, other.group_id) if other.group_id else None
    what = str(role_name(other.role, other.kind)) + (f" · {group.name}" if group else "")
    if other.until_on is None:
        message = gettext("%(what)s holds from %(since)s on. End that first.", what=what, since=day(other.from_on))
    else:
        days = {"since": day(other.from_on), "until": day(other.until_on)}
        message = gettext("%(what)s holds from %(since)s until %(until)s. End that first.", what=what, **days)
    raise Invalid.field(field, message)


def _span(row: Membership) -> Span:
    return Span(row.user_id, row.role, row.kind, row.group_id, row.from_on, row.until_on)


def _load_membership(ctx: Context, user: User, number: int) -> Membership:
    row = ctx.find(Membership, number) if 0 < number < 2**31 else None
    if row is None or row.user_id != user.id:
        raise NotFound("membership.not_found")
    if row.until_on is not None and (row.until_on <= clock.local(ctx.now).date() or row.until_on <= row.from_on):
        raise Conflict("membership.over", _l("This has ended already. Enter a new role instead."))
    return row


def _facts(row: Membership) -> dict[str, Any]:
    return {
        "role": row.role,
        "kind": row.kind,
        "group_id": row.group_id,
        "from_on": row.from_on.isoformat(),
        "until_on": row.until_on.isoformat() if row.until_on else None,
        "reason": row.reason,
    }
