"""Wrong passwords are slowed down, per account and address, per account, and per address (ADR 29, ASVS 6.3.1).

A try is counted before its password is checked, and taken back if that was right: tries that run side by side each
count. Only wrong passwords make anybody wait; a right one never does, however many people share an address.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Request
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.platform.database import insert_ignoring
from fieldapp.platform.web import inputs
from fieldapp.services.accounts import journal
from fieldapp.services.accounts.models import KnownBrowser, LoginBucket
from fieldapp.services.accounts.sessions import DELETE_AT_ONCE, address_of, digest, network_of

#: The cookie by which a browser is known that signed in to an account before.
COOKIE = "known"
COOKIE_LASTS = timedelta(days=400)
#: So long wrong tries are remembered at all.
KEEP = timedelta(days=30)


@dataclass(frozen=True)
class Rule:
    """`free` wrong tries cost nothing; then each doubles the wait, from `first` to `longest` seconds.

    After `forget` without a wrong try the count begins anew.
    """

    free: int
    first: int
    longest: int
    forget: timedelta

    def wait(self, failed: int) -> timedelta:
        """Return how long to wait after so many wrong tries."""
        over = failed - self.free
        return timedelta(seconds=min(self.first * 2 ** min(over - 1, 20), self.longest) if over > 0 else 0)


RULES: Mapping[str, Rule] = {
    # One account from one address.
    "pair": Rule(4, 2, 900, timedelta(days=1)),
    # One account from a browser that signed in to it before: guesses from elsewhere do not keep its owner out.
    "known": Rule(4, 2, 900, timedelta(days=1)),
    # One account from all addresses and browsers together.
    "account": Rule(19, 30, 900, timedelta(days=1)),
    # All accounts from one address. Many people may stand behind it, so this one is mild.
    "address": Rule(99, 2, 60, timedelta(hours=1)),
}


class Slow(Exception):
    """No password is checked for so many seconds: there were too many wrong ones, or too many are checked just now."""

    def __init__(self, seconds: int, crowded: bool = False) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.crowded = crowded


@dataclass(frozen=True)
class Attempt:
    """A try that was admitted and counted. `known` says that its browser signed in to this account before."""

    user_id: int | None
    keys: Mapping[str, str]
    known: bool
    network: str
    #: The hash that the password was compared with: it may be another one by the time somebody signs in.
    password_hash: str = ""


@dataclass(frozen=True)
class Tries:
    """Wrong passwords tried on an account since its person last signed in."""

    count: int = 0
    at: datetime | None = None
    network: str = ""


def admit(session: Session, username: str, user_id: int | None, request: Request) -> Attempt | Slow:
    """Count a try, before its password is looked at. Return how long to wait where there were too many.

    The same for names that do not exist. On SQLite the write transaction admits one at a time, on PostgreSQL the
    locks on the buckets do.
    """
    name, address = username.casefold(), address_of(request)
    known = user_id is not None and _is_known(session, user_id)
    keys = {
        "address": digest(f"address:{address}"),
        "account": digest(f"account:{name}"),
        **(
            {"known": digest(f"known:{name}:{inputs.cookie(COOKIE)}")}
            if known
            else {"pair": digest(f"pair:{name}:{address}")}
        ),
    }
    attempt = Attempt(user_id, keys, known, network_of(address))
    counted = ("known",) if known else ("pair", "account")
    asked = counted if known else (*counted, "address")
    now = clock.now()
    # A try that is refused adds no row: whoever goes on trying, with new names or from new addresses, must not fill
    # the table.
    closed = _closed(session, [keys[kind] for kind in asked], now)
    if closed:
        return _refused(session, attempt, closed, now)
    buckets = _locked(session, keys)
    now = clock.now()
    # Asked again under the locks: tries side by side may have closed one since.
    closed = [buckets[kind] for kind in asked if buckets[kind].free_at > now]
    if closed:
        return _refused(session, attempt, closed, now)
    for kind in counted:
        _count(buckets[kind], RULES[kind], now)
    return attempt


def wrong(session: Session, attempt: Attempt) -> None:
    """The password was wrong: the try stays counted."""
    buckets, now = _locked(session, attempt.keys), clock.now()
    if not attempt.known:
        _count(buckets["address"], RULES["address"], now)
    account = buckets["account"]
    account.tries, account.tried_at, account.network = account.tries + 1, now, attempt.network
    journal.note(session, "user.wrong_password", attempt.user_id, None, network=attempt.network)


def right(session: Session, attempt: Attempt) -> Tries:
    """The password was right: the try is taken back. Return what was tried on the account before."""
    buckets, now = _locked(session, attempt.keys), clock.now()
    own = buckets["known" if attempt.known else "pair"]
    own.failed, own.free_at = 0, now
    account = buckets["account"]
    if not attempt.known:
        account.failed, account.free_at = max(account.failed - 1, 0), now
    tries = Tries(account.tries, account.tried_at, account.network) if account.tries else Tries()
    account.tries, account.network = 0, ""
    return tries


def taken_back(session: Session, attempt: Attempt) -> None:
    """The password was right, but nobody signed in: what was tried before is still to be told."""
    tries = right(session, attempt)
    account = _locked(session, attempt.keys)["account"]
    account.tries, account.network = tries.count, tries.network


def forgive(session: Session, username: str) -> None:
    """Forget what was counted for an account: its person has proved in another way who they are."""
    account = _locked(session, {"account": digest(f"account:{username.casefold()}")})["account"]
    account.failed, account.free_at = 0, clock.now()


def know(session: Session, user_id: int) -> str:
    """Remember that this person signed in on this browser. Return the value of its cookie, the same for all of them."""
    secret = inputs.cookie(COOKIE)
    # Only what was made here: a value that somebody planted would be known to them, too.
    if session.scalar(select(KnownBrowser.hash).where(KnownBrowser.hash == digest(secret)).limit(1)) is None:
        secret = secrets.token_urlsafe(32)
    row = {"hash": digest(secret), "user_id": user_id, "used_at": clock.now()}
    connection = session.connection()
    if connection.execute(insert_ignoring(connection, KnownBrowser), row).rowcount == 0:
        mine = (KnownBrowser.hash == row["hash"], KnownBrowser.user_id == user_id)
        session.execute(update(KnownBrowser).where(*mine).values(used_at=row["used_at"]))
    _delete_old(session)
    return secret


def _is_known(session: Session, user_id: int) -> bool:
    secret = inputs.cookie(COOKIE)
    return bool(secret) and session.get(KnownBrowser, (digest(str(secret)), user_id)) is not None


def _closed(session: Session, keys: list[str], now: datetime) -> list[LoginBucket]:
    """Return those of the buckets there are that make people wait, locked in the order of their keys."""
    query = select(LoginBucket).where(LoginBucket.key.in_(keys), LoginBucket.free_at > now).order_by(LoginBucket.key)
    if session.scalar(query.with_only_columns(LoginBucket.key).limit(1)) is None:
        return []
    return list(session.scalars(query.with_for_update().execution_options(populate_existing=True)))


def _refused(session: Session, attempt: Attempt, closed: list[LoginBucket], now: datetime) -> Slow:
    """Return how long to wait. One entry for each wait: whoever goes on trying must not fill the trail."""
    if not all(bucket.refusal_noted for bucket in closed):
        for bucket in closed:
            bucket.refusal_noted = True
        journal.note(session, "user.slowed_down", attempt.user_id, None, network=attempt.network)
    return Slow(math.ceil(max(bucket.free_at - now for bucket in closed).total_seconds()))


def _locked(session: Session, keys: Mapping[str, str]) -> dict[str, LoginBucket]:
    """Return the buckets of these keys, made where there are none, locked in the order of their keys."""
    connection, now = session.connection(), clock.now()
    fresh = {"failed": 0, "tries": 0, "last_at": now, "free_at": now, "refusal_noted": False, "network": ""}
    ordered = sorted(keys.values())
    connection.execute(insert_ignoring(connection, LoginBucket), [{"key": key, **fresh} for key in ordered])
    query = select(LoginBucket).where(LoginBucket.key.in_(ordered)).order_by(LoginBucket.key).with_for_update()
    rows = {row.key: row for row in session.scalars(query.execution_options(populate_existing=True))}
    return {kind: rows[key] for kind, key in keys.items()}


def _count(bucket: LoginBucket, rule: Rule, now: datetime) -> None:
    forgotten = now - bucket.last_at > rule.forget
    bucket.failed = 1 if forgotten else bucket.failed + 1
    bucket.last_at, bucket.free_at = now, now + rule.wait(bucket.failed)
    bucket.refusal_noted = False


def _delete_old(session: Session) -> None:
    now = clock.now()
    gone: Any = select(LoginBucket.key).where(LoginBucket.last_at < now - KEEP).limit(DELETE_AT_ONCE)
    session.execute(delete(LoginBucket).where(LoginBucket.key.in_(gone)))
    gone = select(KnownBrowser.hash).where(KnownBrowser.used_at < now - COOKIE_LASTS).limit(DELETE_AT_ONCE)
    session.execute(delete(KnownBrowser).where(KnownBrowser.hash.in_(gone)))
