"""Commands that end sessions, close accounts and open them again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.services.accounts import resets, sessions
from fieldapp.services.accounts.models import User, UserSession
from fieldapp.services.accounts.schemas import NoFields


def _load_session(ctx: Context, data: dict[str, Any]) -> UserSession:
    row = ctx.find(UserSession, ctx.id)
    if row is None:
        raise NotFound("session.not_found")
    return row


def _own(actor: Actor, row: UserSession) -> bool:
    """Only sessions of the actor's own."""
    return row.user_id == actor.id


@command("session.end", label=_l("Sign out there"), schema=NoFields, load=_load_session, may=_own)
def end(ctx: Context, row: UserSession, data: dict[str, Any]) -> Effect:
    """End one session at once. Records that wait on that phone are still accepted by its token."""
    ended = sessions.end(ctx.session, "ended", UserSession.id == row.id)
    return Effect(after={"browser": row.browser, "ended": ended})


@command("session.end_others", label=_l("Sign out everywhere else"), schema=NoFields, load=_load_session, may=_own)
def end_others(ctx: Context, row: UserSession, data: dict[str, Any]) -> Effect:
    """End the person's other sessions that began before this command was given; it may arrive long after."""
    others = (UserSession.user_id == row.user_id, UserSession.id != row.id, UserSession.created_at <= ctx.at)
    return Effect(after={"ended": sessions.end(ctx.session, "ended", *others)})


def load_user(ctx: Context, data: dict[str, Any]) -> User:
    """Return the person, locked until the command ends. Raise NotFound."""
    user_id = UUID(ctx.id).int
    user = ctx.find(User, user_id) if user_id < 2**31 else None
    if user is None:
        raise NotFound("user.not_found")
    return user


def may_change_account(actor: Actor, user: User) -> bool:
    """Administrators, except on their own account: so one of them can always open accounts."""
    return "admin" in actor.roles and actor.id != user.id


@command("user.deactivate", label=_l("Close the account"), schema=NoFields, load=load_user, may=may_change_account)
def deactivate(ctx: Context, user: User, data: dict[str, Any]) -> Effect:
    """Close the account and end its sessions at once. Records from its phones are still accepted (failure mode 44)."""
    was_active, user.active = user.active, False
    ended = sessions.end_all_of(ctx.session, "deactivated", user.id)
    resets.delete_links(ctx.session, user.id)
    return Effect(before={"active": was_active}, after={"active": False, "ended": ended})


@command("user.activate", label=_l("Open the account"), schema=NoFields, load=load_user, may=may_change_account)
def activate(ctx: Context, user: User, data: dict[str, Any]) -> Effect:
    """Open the account again, with its old password."""
    was_active, user.active = user.active, True
    return Effect(before={"active": was_active}, after={"active": True})
