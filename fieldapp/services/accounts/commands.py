"""Ending one's other sessions; closing accounts and opening them again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.platform.web.fields import Form
from fieldapp.services.accounts import resets, sessions
from fieldapp.services.accounts.models import User, UserSession


class Nothing(Form):
    """The record and the verb say everything."""


def _load(ctx: Context, data: dict[str, Any]) -> UserSession:
    row = ctx.find(UserSession, ctx.id)
    if row is None:
        raise NotFound("session.not_found")
    return row


def _own(actor: Actor, row: UserSession) -> bool:
    """Everybody ends sessions of their own."""
    return row.user_id == actor.id


@command("session.end", label=_l("Sign out there"), schema=Nothing, load=_load, may=_own)
def end(ctx: Context, row: UserSession, data: dict[str, Any]) -> Effect:
    """The session ends at once. What waits on that phone is still taken in, by its token."""
    ended = sessions.end(ctx.session, "ended", UserSession.id == row.id)
    return Effect(after={"browser": row.browser, "ended": ended})


@command("session.end_others", label=_l("Sign out everywhere else"), schema=Nothing, load=_load, may=_own)
def end_others(ctx: Context, row: UserSession, data: dict[str, Any]) -> Effect:
    """Every session but this one ends, as far as it had begun: the word may arrive long after it was given."""
    mine = (UserSession.user_id == row.user_id, UserSession.id != row.id, UserSession.created_at <= ctx.at)
    return Effect(after={"ended": sessions.end(ctx.session, "ended", *mine)})


def _load_user(ctx: Context, data: dict[str, Any]) -> User:
    number = UUID(ctx.id).int
    user = ctx.find(User, number) if number < 2**31 else None
    if user is None:
        raise NotFound("user.not_found")
    return user


def _another(actor: Actor, user: User) -> bool:
    """Administrators, but nobody their own: one of them stays who can open accounts."""
    return "admin" in actor.roles and actor.id != user.id


@command("user.deactivate", label=_l("Close the account"), schema=Nothing, load=_load_user, may=_another)
def deactivate(ctx: Context, user: User, data: dict[str, Any]) -> Effect:
    """Every session ends at once. What was recorded on the person's phones is still taken in (failure mode 44)."""
    before, user.active = user.active, False
    ended = sessions.end_all_of(ctx.session, "deactivated", user.id)
    resets.forget(ctx.session, user.id)
    return Effect(before={"active": before}, after={"active": False, "ended": ended})


@command("user.activate", label=_l("Open the account"), schema=Nothing, load=_load_user, may=_another)
def activate(ctx: Context, user: User, data: dict[str, Any]) -> Effect:
    """The person may sign in again, with the password they had."""
    before, user.active = user.active, True
    return Effect(before={"active": before}, after={"active": True})
