"""Password changes and one-time links for a new password (D-START-2).

These are not commands: an envelope is stored for ever, and a password must be stored nowhere (ADR 29).
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

#: A link is valid this long, and once.
LIFETIME = timedelta(hours=24)


def create_link(session: Session, user_id: int, made_by: int | None) -> str | None:
    """Return the secret of a new link for this person and delete earlier links. Return None for a closed account.

    The person's row is locked, so that of two links made at the same moment one remains. Only the secret's hash is
    stored.
    """
    user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None or not user.active:
        return None
    secret = secrets.token_urlsafe(32)
    delete_links(session, user_id)
    session.add(PasswordReset(hash=digest(secret), user_id=user_id, made_by=made_by, made_at=clock.now()))
    journal.note(session, "user.reset_link", user_id, made_by)
    return secret


def delete_links(session: Session, user_id: int) -> None:
    """Delete the person's links."""
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))


def user_of_link(session: Session, secret: str) -> User | None:
    """Return the user of this link and lock the link. Return None if it is unknown, used or expired."""
    query = (
        select(User)
        .join(PasswordReset, PasswordReset.user_id == User.id)
        .where(PasswordReset.hash == digest(secret), PasswordReset.made_at > clock.now() - LIFETIME, User.active)
        .with_for_update()
    )
    user: User | None = session.scalar(query)
    return user


def use_link(session: Session, user: User, password_hash: str) -> None:
    """Set the new password, delete the link and end every session.

    Records on the person's phones are still accepted.
    """
    user.password_hash = password_hash
    delete_links(session, user.id)
    sessions.end_all_of(session, "reset", user.id)
    throttle.clear_failures(session, user.username)
    journal.note(session, "user.reset_password", user.id, None)


def change_password(session: Session, user_id: int, password_hash: str, keep: str | None) -> None:
    """Set a person's own new password and end all sessions except the one with the id `keep`."""
    session.get_one(User, user_id, with_for_update=True).password_hash = password_hash
    delete_links(session, user_id)
    sessions.end_all_of(session, "password", user_id, keep)
    journal.note(session, "user.change_password", user_id, user_id)
