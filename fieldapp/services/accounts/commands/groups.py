"""Commands that make, change and end groups."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, or_, select

from fieldapp.errors import Invalid
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command, record
from fieldapp.services.accounts.commands.accounts import number_of_record
from fieldapp.services.accounts.models import Group, Membership
from fieldapp.services.accounts.schemas import ChangeGroup, Found


def may_keep_groups(actor: Actor, group: Any) -> bool:
    """Allow administrators, and nobody else."""
    return "admin" in actor.roles


@command("group.found", label=_l("New group"), schema=Found, may=may_keep_groups, aggs=("group",))
def found(ctx: Context, nothing: None, data: dict[str, Any]) -> Effect:
    """Make a group. Its members are entered on their own pages."""
    _check_name(ctx, data["name"], None)
    _check_parent(ctx, data.get("parent_id"), None)
    group = Group(name=data["name"], city=data["city"], parent_id=data.get("parent_id"))
    ctx.session.add(group)
    ctx.session.flush()
    return Effect(ref=group.name, after=_facts(group))


_load = record(Group, key=number_of_record, missing="group.not_found")


@command("group.change", label=_l("Change the group"), schema=ChangeGroup, load=_load, may=may_keep_groups)
def change(ctx: Context, group: Group, data: dict[str, Any]) -> Effect:
    """Change name, city, parent or end. A group ends once no membership goes on after that day."""
    before = _facts(group)
    _check_name(ctx, data["name"], group.id)
    _check_parent(ctx, data.get("parent_id"), group.id)
    group.name, group.city, group.parent_id = data["name"], data["city"], data.get("parent_id")
    group.ended_on = data.get("ended_on")
    if group.ended_on is not None:
        goes_on = or_(Membership.until_on.is_(None), Membership.until_on > group.ended_on)
        held = or_(Membership.until_on.is_(None), Membership.until_on > Membership.from_on)
        count = ctx.session.scalar(select(func.count()).where(Membership.group_id == group.id, goes_on, held))
        if count:
            message = ngettext(
                "%(num)s membership goes on after this day. End it first.",
                "%(num)s memberships go on after this day. End them first.",
                count,
            )
            raise Invalid.field("ended_on", message)
    return Effect(ref=group.name, before=before, after=_facts(group))


def _check_name(ctx: Context, name: str, own: int | None) -> None:
    other = ctx.session.scalar(select(Group.id).where(Group.name == name))
    if other is not None and other != own:
        raise Invalid.field("name", gettext("Another group has this name."))


def _check_parent(ctx: Context, parent: int | None, own: int | None) -> None:
    """Raise Invalid if the parent is unknown, or is the group itself or below it."""
    passed = set()
    while parent is not None and parent not in passed:
        passed.add(parent)
        group = ctx.session.get(Group, parent) if 0 < parent < 2**31 else None
        if group is None:
            raise Invalid.field("parent_id", _l("This record is not known."))
        if group.id == own:
            raise Invalid.field("parent_id", _l("A group cannot belong to itself or to a group below it."))
        parent = group.parent_id


def _facts(group: Group) -> dict[str, Any]:
    ended = group.ended_on.isoformat() if group.ended_on else None
    return {"name": group.name, "city": group.city, "parent_id": group.parent_id, "ended_on": ended}
