"""Capture-only device tokens: a phone sends its owner's records without a session (failure modes 39, 44, 45).

A token opens no page and no list. It is valid for the addresses in `CAPTURE`, and only without a session. The server
stores its hash. Tokens do not expire: a phone may stay unused in a van for weeks.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from flask import Request, g
from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import DeviceToken

#: Addresses that a phone needs to send records. Everything else requires a session.
CAPTURE = ("/sync/hello", "/sync/push", "/sync/receipts", "/sync/attachments")

#: A token of this age is replaced.
RENEW_AFTER = timedelta(days=7)

#: Largest number of unused tokens per phone: each may be the one whose response was lost.
MAX_UNUSED = 4


def is_capture(path: str) -> bool:
    """Return whether a token is valid for this address."""
    return path in CAPTURE or path.startswith("/sync/attachments/")


def bearer(request: Request) -> str | None:
    """Return the bearer token of the request, or None."""
    scheme, _, secret = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return secret.strip()[:200] or None if scheme.lower() == "bearer" else None


class Token(NamedTuple):
    """Issued device token."""

    hash: str
    dev: str
    user_id: int
    issued_at: datetime
    used_at: datetime | None


_token_query = select(
    DeviceToken.hash, DeviceToken.dev, DeviceToken.user_id, DeviceToken.issued_at, DeviceToken.used_at
).where(DeviceToken.hash == bindparam("hash"))


def request_token(request: Request) -> Token | None:
    """Return the valid token of the request, or None. Read once per request."""
    if "device_token" not in g:
        secret = bearer(request)
        row = db.session.execute(_token_query, {"hash": _hash(secret)}).one_or_none() if secret else None
        g.device_token = Token(*row) if row else None
    token: Token | None = g.device_token
    return token


def note_use(request: Request, user_id: int) -> None:
    """Store the first use of a person's token and delete older ones: the phone has stored the new one."""
    token = request_token(request)
    if token is None or token.user_id != user_id or token.used_at is not None:
        return
    with writing() as session:
        row = session.get(DeviceToken, token.hash, with_for_update=True)
        if row is None or row.used_at is not None:
            return
        row.used_at = clock.now()
        session.execute(
            delete(DeviceToken).where(
                DeviceToken.user_id == row.user_id, DeviceToken.dev == row.dev, DeviceToken.issued_at < row.issued_at
            )
        )


def needs_token(token: Token | None, dev: str, user_id: int, by_token: bool) -> bool:
    """Return whether this person's phone gets a new token: it has none, or an old one.

    A request with a token only gets a successor for the same phone. Otherwise a stolen token could continue under
    another device id after its phone was signed out.
    """
    if token is None or (token.dev, token.user_id) != (dev, user_id):
        return not by_token
    return clock.now() - token.issued_at >= RENEW_AFTER


def issue_token(session: Session, dev: str, user_id: int) -> str:
    """Return a new token for this person on this phone.

    Earlier tokens stay valid until the new one is used, so that a lost response strands nothing.
    """
    unused = select(DeviceToken.hash).where(
        DeviceToken.user_id == user_id, DeviceToken.dev == dev, DeviceToken.used_at.is_(None)
    )
    unused_hashes = list(session.scalars(unused.order_by(DeviceToken.issued_at.desc())))
    if len(unused_hashes) >= MAX_UNUSED:
        session.execute(delete(DeviceToken).where(DeviceToken.hash.in_(unused_hashes[MAX_UNUSED - 1 :])))
    secret = secrets.token_urlsafe(32)
    session.add(DeviceToken(hash=_hash(secret), dev=dev, user_id=user_id, issued_at=clock.now()))
    return secret


def revoke_tokens(session: Session, dev: str, user_id: int) -> None:
    """Delete the tokens of this person on this phone, until they sign in on it again."""
    session.execute(delete(DeviceToken).where(DeviceToken.user_id == user_id, DeviceToken.dev == dev))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
