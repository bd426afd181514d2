"""Capture-only tokens: with one, a phone sends its owner's records when no session holds (failure modes 39, 44, 45).

A token opens no page and no list; it is good for the addresses in `CAPTURE`, and only where no session answers for
somebody. The server keeps its hash. What a phone holds never runs out by itself: a phone may lie in a van for weeks.
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

#: What a phone needs in order to hand in records; everything else below /sync/ and all pages want a session.
CAPTURE = ("/sync/hello", "/sync/push", "/sync/receipts", "/sync/attachments")

#: A token this old gets a successor.
RENEW_AFTER = timedelta(days=7)

#: So many tokens may lie unused beside one another: each may be the one whose answer was lost.
SPARE = 4


def is_capture(path: str) -> bool:
    """Whether a token is good for this address."""
    return path in CAPTURE or path.startswith("/sync/attachments/")


def bearer(request: Request) -> str | None:
    """The token that came with the request, if any."""
    scheme, _, secret = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return secret.strip()[:200] or None if scheme.lower() == "bearer" else None


class Token(NamedTuple):
    """A token that was given out."""

    hash: str
    dev: str
    user_id: int
    issued_at: datetime
    used_at: datetime | None


_known = select(
    DeviceToken.hash, DeviceToken.dev, DeviceToken.user_id, DeviceToken.issued_at, DeviceToken.used_at
).where(DeviceToken.hash == bindparam("hash"))


def presented(request: Request) -> Token | None:
    """The known token that came with the request; looked up once."""
    if "device_token" not in g:
        secret = bearer(request)
        row = db.session.execute(_known, {"hash": _hash(secret)}).one_or_none() if secret else None
        g.device_token = Token(*row) if row else None
    token: Token | None = g.device_token
    return token


def note_use(request: Request, user_id: int) -> None:
    """Notes the first use of a person's token, which ends those before it: the phone has the new one for certain."""
    token = presented(request)
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


def is_due(token: Token | None, dev: str, user_id: int, by_token: bool) -> bool:
    """Whether this person's phone is to get a fresh token: it has none, or one that is old.

    By a token alone there is only a successor for the same phone: else one that was stolen could live on under
    another name after its phone was signed out.
    """
    if token is None or (token.dev, token.user_id) != (dev, user_id):
        return not by_token
    return clock.now() - token.issued_at >= RENEW_AFTER


def issue(session: Session, dev: str, user_id: int) -> str:
    """A fresh token for this person on this phone.

    Those before stay good until the new one was used, so that an answer that is lost strands nothing.
    """
    unused = select(DeviceToken.hash).where(
        DeviceToken.user_id == user_id, DeviceToken.dev == dev, DeviceToken.used_at.is_(None)
    )
    spare = list(session.scalars(unused.order_by(DeviceToken.issued_at.desc())))
    if len(spare) >= SPARE:
        session.execute(delete(DeviceToken).where(DeviceToken.hash.in_(spare[SPARE - 1 :])))
    secret = secrets.token_urlsafe(32)
    session.add(DeviceToken(hash=_hash(secret), dev=dev, user_id=user_id, issued_at=clock.now()))
    return secret


def forget(session: Session, dev: str, user_id: int) -> None:
    """This phone may send nothing of this person's any more, until they sign in on it again."""
    session.execute(delete(DeviceToken).where(DeviceToken.user_id == user_id, DeviceToken.dev == dev))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
