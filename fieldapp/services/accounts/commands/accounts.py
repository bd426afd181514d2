"""Commands that end sessions, close accounts and open them again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask_babel import lazy_gettext as _l

from fieldapp.kernel.actor import Actor
from fieldapp.kernel.policies import author_only
from fieldapp.platform.commandbus import Context, Effect, command, record
from fieldapp.services.accounts import resets, sessions
from fieldapp.services.accounts.models import User, UserSession
from fieldapp.services.accounts.schemas import NoFields

#: Everybody ends sessions of their own only.
_load_session, _is_own = record(UserSession, missing="session.not_found"), author_only("user_id")


@command("session.end", label=_l("Sign out there"), schema=NoFields, load=_load_session, may=_is_own)
def end(ctx: Context, row: UserSession, data: dict[str, Any]) -> Effect:
    """End one session at once. Records that wait on that phone are still accepted by its token."""
    ended = sessions.end(ctx.session, "ended", UserSession.id == row.id)
    return Effect(after={"browser": row.browser, "ended": ended})


@command("session.end_others", label=_l("Sign out everywhere else"), schema=NoFields, load=_load_session, may=_is_own)
def end_others(ctx: Context, row: UserSession, data: dict[str, Any]) -> Effect:
    """End the person's other sessions that began before this command was given; it may arrive long after."""
    others = (UserSession.user_id == row.user_id, UserSession.id != row.id, UserSession.created_at <= ctx.at)
    return Effect(after={"ended": sessions.end(ctx.session, "ended", *others)})


def number_of_record(record_id: str) -> int:
    """Return the number of the row that an envelope names as a UUID; 0, which no row has, if it is too large."""
    number = UUID(record_id).int
    return number if number < 2**31 else 0


#: The person, locked until the command ends.
load_user = record(User, key=number_of_record, missing="user.not_found")


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
