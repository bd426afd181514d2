"""Sessions as rows: begun, listed, ended, deleted. A session that ended here ends in every worker at once.

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
#: So long a session that ended or ran out stays on record.
KEEP = timedelta(days=90)
#: Rows that one sign-in deletes at most.
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
    """Return the hash under which a secret is kept."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def begin(session: Session, user_id: int, request: Request, **wrong: Any) -> str:
    """Add a session of this person in this browser. Return the secret for its cookie.

    `wrong` says what was tried on the account before (`wrong_count`, `wrong_at`, `wrong_network`).
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
    """Return the session of a cookie, also one that has ended, locked."""
    if not isinstance(secret, str):
        return None
    query = select(UserSession).where(UserSession.hash == digest(secret)).with_for_update()
    found: UserSession | None = session.scalar(query)
    return found


def is_own(session_id: str, user_id: int) -> bool:
    """Whether the session is or was this person's."""
    mine = select(UserSession.id).where(UserSession.id == session_id, UserSession.user_id == user_id)
    return db.session.scalar(mine) is not None


def end(session: Session, how: str, *which: Any) -> int:
    """End the living sessions that fit the conditions `which`. Return how many there were."""
    ending = update(UserSession).where(UserSession.ended_at.is_(None), *which)
    done: _Rows = session.execute(ending.values(ended_at=clock.now(), ended_how=how))  # type: ignore[assignment]
    return done.rowcount


def end_all_of(session: Session, how: str, user_id: int, keep: str | None = None) -> int:
    """End every session of a person but the one with the id `keep`. Return how many."""
    others = () if keep is None else (UserSession.id != keep,)
    return end(session, how, UserSession.user_id == user_id, *others)


def on_phone(session: Session, session_id: str, dev: str) -> bool:
    """Note which phone a session is on, and that it is in use. Return whether it still lives."""
    living = update(UserSession).where(UserSession.id == session_id, UserSession.ended_at.is_(None))
    done: _Rows = session.execute(living.values(dev=dev, seen_at=clock.now()))  # type: ignore[assignment]
    return done.rowcount == 1


def touch(session_id: str) -> None:
    """Note that a session is in use, on a connection of its own: reading a page opens no write transaction."""
    with alone(db.engine) as borrowed:
        _touch.asking(session=session_id, now=clock.now()).of(borrowed, borrowed, db.engine.dialect)


def delete_old(session: Session, lasts: Lifetime) -> None:
    """Delete some of the sessions that have not been used for long, and none that still lives."""
    old = select(UserSession.id).where(UserSession.seen_at < clock.now() - max(KEEP, lasts.idle))
    session.execute(
        delete(UserSession).where(UserSession.id.in_(old.order_by(UserSession.seen_at).limit(DELETE_AT_ONCE)))
    )


@dataclass(frozen=True)
class Listed:
    """A living session as its person sees it."""

    id: str
    dev: str | None
    browser: str
    address: str
    created_at: datetime
    seen_at: datetime


#: More sessions than anybody has; those used longest ago are left out.
MOST = 50


def living(user_id: int, lasts: Lifetime) -> list[Listed]:
    """Return a person's living sessions, the one used last first."""
    now = clock.now()
    columns = (UserSession.id, UserSession.dev, UserSession.browser, UserSession.address)
    query = (
        select(*columns, UserSession.created_at, UserSession.seen_at)
        .where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
        .where(UserSession.seen_at > now - lasts.idle, UserSession.created_at > now - lasts.longest)
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
        .limit(MOST)
    )
    return [Listed(*row) for row in db.session.execute(query)]


def address_of(request: Request) -> str:
    """Return the address a request came from, as the proxy settings have it."""
    return (request.remote_addr or "")[:45]


def network_of(address: str) -> str:
    """Return the network of an address, `203.0.113.x`: enough to recognise where one was, and nobody's full address."""
    try:
        one = ip_address(address)
    except ValueError:
        return ""
    bits = 24 if one.version == 4 else 48
    shown = str(ip_network(f"{one}/{bits}", strict=False).network_address)
    return f"{shown.rpartition('.')[0]}.x" if one.version == 4 else f"{shown}x"


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
    """Return browser and system by their own names, `Chrome · Android`; empty where they are not known."""
    named = (next((name for sign, name in table if re.search(sign, agent)), "") for table in (_BROWSERS, _SYSTEMS))
    return " · ".join(name for name in named if name)
