"""Changing a password, and links with which a person sets a new one (D-START-2).

These are not commands: an envelope keeps for ever what was sent, and a password must be kept nowhere (ADR 29).
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.services.accounts import journal, sessions, throttle
from fieldapp.services.accounts.models import PasswordReset, User
from fieldapp.services.accounts.sessions import digest

#: So long a link is good, and once.
LASTS = timedelta(hours=24)


def make(session: Session, user_id: int, made_by: int | None) -> str | None:
    """Make a link's secret for this person; those made before are worth nothing any more. Only its hash is kept.

    The person's row is locked: of two links made at the same moment one is left. None where the account is closed.
    """
    user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None or not user.active:
        return None
    secret = secrets.token_urlsafe(32)
    forget(session, user_id)
    session.add(PasswordReset(hash=digest(secret), user_id=user_id, made_by=made_by, made_at=clock.now()))
    journal.note(session, "user.reset_link", user_id, made_by)
    return secret


def forget(session: Session, user_id: int) -> None:
    """Make the person's links worth nothing."""
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))


def person_of(session: Session, secret: str) -> User | None:
    """Return whose link this is, the link locked; None for one that is unknown, used or too old alike."""
    query = (
        select(User)
        .join(PasswordReset, PasswordReset.user_id == User.id)
        .where(PasswordReset.hash == digest(secret), PasswordReset.made_at > clock.now() - LASTS, User.active)
        .with_for_update()
    )
    found: User | None = session.scalar(query)
    return found


def use(session: Session, user: User, password_hash: str) -> None:
    """Set the new password; the link and every session of the person end. What waits on their phones is taken in."""
    user.password_hash = password_hash
    forget(session, user.id)
    sessions.end_all_of(session, "reset", user.id)
    throttle.forgive(session, user.username)
    journal.note(session, "user.reset_password", user.id, None)


def change(session: Session, user_id: int, password_hash: str, keep: str | None) -> None:
    """Set a person's own new password; every session but the one with the id `keep` ends."""
    session.get_one(User, user_id, with_for_update=True).password_hash = password_hash
    forget(session, user_id)
    sessions.end_all_of(session, "password", user_id, keep)
    journal.note(session, "user.change_password", user_id, user_id)
