"""Sessions as database rows. Ending one takes effect in every worker at once.

The cookie holds a random secret, the database only its hash (ADR 29).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any, Protocol

from flask import Request
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from fieldapp.config import Lifetime
from fieldapp.kernel import clock, ids
from fieldapp.platform.database import Moment, alone
from fieldapp.platform.database.statements import Prepared
from fieldapp.platform.extensions import db
from fieldapp.platform.web import inputs
from fieldapp.services.accounts.models import UserSession

#: "Last seen" is written at most this often.
TOUCH_EVERY = timedelta(minutes=15)
#: Rows of sessions that ended or expired are kept this long.
KEEP = timedelta(days=90)
#: Largest number of rows that one sign-in deletes.
DELETE_AT_ONCE = 100

_touch = Prepared(
    update(UserSession)
    .where(UserSession.id == bindparam("session"), UserSession.ended_at.is_(None))
    .values(seen_at=bindparam("now", type_=Moment))
    .returning(UserSession.id)
)


class _Rows(Protocol):
    rowcount: int


def digest(secret: str) -> str:
    """Return the SHA-256 under which a secret is stored."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def begin(session: Session, user_id: int, request: Request, **wrong: Any) -> str:
    """Insert a session of this person in this browser. Return the secret for its cookie.

    `wrong` are the columns about wrong passwords before (`wrong_count`, `wrong_at`, `wrong_network`).
    """
    secret, now = secrets.token_urlsafe(32), clock.now()
    session.add(
        UserSession(
            id=str(ids.uuid7()),
            hash=digest(secret),
            user_id=user_id,
            browser=browser_of(inputs.header("User-Agent", 300)),
            address=network_of(address_of(request)),
            created_at=now,
            seen_at=now,
            **wrong,
        )
    )
    session.flush()
    return secret


def by_secret(session: Session, secret: Any) -> UserSession | None:
    """Return the session of a cookie, even if it has ended, and lock its row."""
    if not isinstance(secret, str):
        return None
    query = select(UserSession).where(UserSession.hash == digest(secret)).with_for_update()
    row: UserSession | None = session.scalar(query)
    return row


def is_own(session_id: str, user_id: int) -> bool:
    """Return whether the session belongs to this person, even if it has ended."""
    query = select(UserSession.id).where(UserSession.id == session_id, UserSession.user_id == user_id)
    return db.session.scalar(query) is not None


def end(session: Session, how: str, *which: Any) -> int:
    """End the active sessions that match the conditions `which`. Return their number."""
    query = update(UserSession).where(UserSession.ended_at.is_(None), *which)
    result: _Rows = session.execute(query.values(ended_at=clock.now(), ended_how=how))  # type: ignore[assignment]
    return result.rowcount


def end_all_of(session: Session, how: str, user_id: int, keep: str | None = None) -> int:
    """End all sessions of a person except the one with the id `keep`. Return their number."""
    others = () if keep is None else (UserSession.id != keep,)
    return end(session, how, UserSession.user_id == user_id, *others)


def on_phone(session: Session, session_id: str, dev: str) -> bool:
    """Store the session's phone and its use. Return whether the session is still active."""
    query = update(UserSession).where(UserSession.id == session_id, UserSession.ended_at.is_(None))
    result: _Rows = session.execute(query.values(dev=dev, seen_at=clock.now()))  # type: ignore[assignment]
    return result.rowcount == 1


def touch(session_id: str) -> None:
    """Store that a session is in use, on an autocommit connection: reading a page opens no write transaction."""
    with alone(db.engine) as borrowed:
        _touch.asking(session=session_id, now=clock.now()).of(borrowed, borrowed, db.engine.dialect)


def delete_old(session: Session, lifetime: Lifetime) -> None:
    """Delete up to `DELETE_AT_ONCE` sessions that ended or expired long ago."""
    old = select(UserSession.id).where(UserSession.seen_at < clock.now() - max(KEEP, lifetime.idle))
    session.execute(
        delete(UserSession).where(UserSession.id.in_(old.order_by(UserSession.seen_at).limit(DELETE_AT_ONCE)))
    )


@dataclass(frozen=True)
class SessionRow:
    """Active session, as shown to its person."""

    id: str
    dev: str | None
    browser: str
    address: str
    created_at: datetime
    seen_at: datetime


#: Largest number of sessions listed; those used longest ago are left out.
MAX_LISTED = 50


def active_sessions(user_id: int, lifetime: Lifetime) -> list[SessionRow]:
    """Return a person's active sessions, the one used last first."""
    now = clock.now()
    columns = (UserSession.id, UserSession.dev, UserSession.browser, UserSession.address)
    query = (
        select(*columns, UserSession.created_at, UserSession.seen_at)
        .where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
        .where(UserSession.seen_at > now - lifetime.idle, UserSession.created_at > now - lifetime.longest)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
        .limit(MAX_LISTED)
    )
    return [SessionRow(*row) for row in db.session.execute(query)]


def address_of(request: Request) -> str:
    """Return the client's IP address, as the proxy settings determine it."""
    return (request.remote_addr or "")[:45]


def network_of(address: str) -> str:
    """Return the network of an IP address as `203.0.113.x`: recognisable, but not the full address."""
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    bits = 24 if ip.version == 4 else 48
    network = str(ip_network(f"{ip}/{bits}", strict=False).network_address)
    return f"{network.rpartition('.')[0]}.x" if ip.version == 4 else f"{network}x"


_BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("DingTalk", "DingTalk"),
    ("EdgA?/|EdgiOS", "Edge"),
    ("Firefox|FxiOS", "Firefox"),
    ("SamsungBrowser", "Samsung Internet"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("MiuiBrowser", "Xiaomi Browser"),
    ("Chrome|CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("OpenHarmony|HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def browser_of(agent: str) -> str:
    """Return browser and system by name, `Chrome · Android`; empty if unknown."""
    names = (next((name for sign, name in table if re.search(sign, agent)), "") for table in (_BROWSERS, _SYSTEMS))
    return " · ".join(name for name in names if name)
