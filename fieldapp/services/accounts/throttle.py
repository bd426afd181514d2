"""Throttling of wrong passwords: per account and address, per account, and per address (ADR 29, ASVS 6.3.1).

An attempt is counted before its password is checked and undone if the password was right, so that parallel attempts all
count. Only wrong passwords cause a wait, however many people share an address.
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

#: Cookie of a browser in which somebody has signed in before.
COOKIE = "known"
COOKIE_LASTS = timedelta(days=400)
#: Counters without a new wrong password are kept this long.
KEEP = timedelta(days=30)


@dataclass(frozen=True)
class Rule:
    """Back-off: after `free` failures each further one doubles the wait, from `first` to `longest` seconds.

    After `forget` without a failure the count restarts.
    """

    free: int
    first: int
    longest: int
    forget: timedelta

    def wait(self, failed: int) -> timedelta:
        """Return how long to wait after `failed` failures."""
        excess = failed - self.free
        return timedelta(seconds=min(self.first * 2 ** min(excess - 1, 20), self.longest) if excess > 0 else 0)


RULES: Mapping[str, Rule] = {
    # One account from one address.
    "pair": Rule(4, 2, 900, timedelta(days=1)),
    # One account from a known browser: guesses from elsewhere do not lock out its owner.
    "known": Rule(4, 2, 900, timedelta(days=1)),
    # One account from all addresses and browsers together.
    "account": Rule(19, 30, 900, timedelta(days=1)),
    # All accounts from one address. Mild, because many people may share the address.
    "address": Rule(99, 2, 60, timedelta(hours=1)),
}


class Throttled(Exception):
    """No password is checked for `seconds`: too many wrong ones, or (`overloaded`) too many checks at once."""

    def __init__(self, seconds: int, overloaded: bool = False) -> None:
        super().__init__(seconds)
        self.seconds = seconds
        self.overloaded = overloaded


@dataclass(frozen=True)
class Attempt:
    """Counted attempt to sign in. `known_browser`: the browser has signed in to this account before."""

    user_id: int | None
    keys: Mapping[str, str]
    known_browser: bool
    network: str
    #: Hash that the password was checked against; the account's hash may change before the session begins.
    password_hash: str = ""


@dataclass(frozen=True)
class FailedAttempts:
    """Wrong passwords entered for an account since its person last signed in."""

    count: int = 0
    at: datetime | None = None
    network: str = ""


def admit(session: Session, username: str, user_id: int | None, request: Request) -> Attempt | Throttled:
    """Count an attempt before its password is checked, or return how long to wait.

    Unknown names behave the same. Attempts are serialised by the write transaction on SQLite and by row locks on
    PostgreSQL.
    """
    name, address = username.casefold(), address_of(request)
    known_browser = user_id is not None and _is_known(session, user_id)
    keys = {
        "address": digest(f"address:{address}"),
        "account": digest(f"account:{name}"),
        **(
            {"known": digest(f"known:{name}:{inputs.cookie(COOKIE)}")}
            if known_browser
            else {"pair": digest(f"pair:{name}:{address}")}
        ),
    }
    attempt = Attempt(user_id, keys, known_browser, network_of(address))
    counted = ("known",) if known_browser else ("pair", "account")
    checked = counted if known_browser else (*counted, "address")
    now = clock.now()
    # A rejected attempt inserts no row, so that an attacker with new names or addresses cannot fill the table.
    blocking = _blocking_buckets(session, [keys[kind] for kind in checked], now)
    if blocking:
        return _throttled(session, attempt, blocking, now)
    buckets = _lock_buckets(session, keys)
    now = clock.now()
    # Checked again under the locks: parallel attempts may have closed a bucket.
    blocking = [buckets[kind] for kind in checked if buckets[kind].free_at > now]
    if blocking:
        return _throttled(session, attempt, blocking, now)
    for kind in counted:
        _add_failure(buckets[kind], RULES[kind], now)
    return attempt


def record_failure(session: Session, attempt: Attempt) -> None:
    """Keep the attempt counted after a wrong password."""
    buckets, now = _lock_buckets(session, attempt.keys), clock.now()
    if not attempt.known_browser:
        _add_failure(buckets["address"], RULES["address"], now)
    account = buckets["account"]
    account.tries, account.tried_at, account.network = account.tries + 1, now, attempt.network
    journal.note(session, "user.wrong_password", attempt.user_id, None, network=attempt.network)


def record_success(session: Session, attempt: Attempt) -> FailedAttempts:
    """Undo the attempt after a right password. Return the wrong passwords entered before."""
    buckets, now = _lock_buckets(session, attempt.keys), clock.now()
    own = buckets["known" if attempt.known_browser else "pair"]
    own.failed, own.free_at = 0, now
    account = buckets["account"]
    if not attempt.known_browser:
        account.failed, account.free_at = max(account.failed - 1, 0), now
    failures = FailedAttempts(account.tries, account.tried_at, account.network) if account.tries else FailedAttempts()
    account.tries, account.network = 0, ""
    return failures


def note_correct_password(session: Session, attempt: Attempt) -> None:
    """Undo the attempt without a sign-in. Earlier wrong passwords are still reported at the next sign-in."""
    failures = record_success(session, attempt)
    account = _lock_buckets(session, attempt.keys)["account"]
    account.tries, account.network = failures.count, failures.network


def clear_failures(session: Session, username: str) -> None:
    """Clear an account's counter after its person proved their identity in another way."""
    account = _lock_buckets(session, {"account": digest(f"account:{username.casefold()}")})["account"]
    account.failed, account.free_at = 0, clock.now()


def remember_browser(session: Session, user_id: int) -> str:
    """Store that this person signed in on this browser. Return its cookie, the same for all people."""
    secret = inputs.cookie(COOKIE)
    # Reuse only a value that was issued here: a planted value would be known to the attacker.
    if session.scalar(select(KnownBrowser.hash).where(KnownBrowser.hash == digest(secret)).limit(1)) is None:
        secret = secrets.token_urlsafe(32)
    row = {"hash": digest(secret), "user_id": user_id, "used_at": clock.now()}
    connection = session.connection()
    if connection.execute(insert_ignoring(connection, KnownBrowser), row).rowcount == 0:
        conditions = (KnownBrowser.hash == row["hash"], KnownBrowser.user_id == user_id)
        session.execute(update(KnownBrowser).where(*conditions).values(used_at=row["used_at"]))
    _delete_old(session)
    return secret


def _is_known(session: Session, user_id: int) -> bool:
    secret = inputs.cookie(COOKIE)
    return bool(secret) and session.get(KnownBrowser, (digest(str(secret)), user_id)) is not None


def _blocking_buckets(session: Session, keys: list[str], now: datetime) -> list[LoginBucket]:
    """Return the existing buckets that require a wait, locked in the order of their keys."""
    query = select(LoginBucket).where(LoginBucket.key.in_(keys), LoginBucket.free_at > now).order_by(LoginBucket.key)
    if session.scalar(query.with_only_columns(LoginBucket.key).limit(1)) is None:
        return []
    return list(session.scalars(query.with_for_update().execution_options(populate_existing=True)))


def _throttled(session: Session, attempt: Attempt, blocking: list[LoginBucket], now: datetime) -> Throttled:
    """Return how long to wait. Only one audit entry is written per wait, so that an attacker cannot fill the log."""
    if not all(bucket.refusal_noted for bucket in blocking):
        for bucket in blocking:
            bucket.refusal_noted = True
        journal.note(session, "user.slowed_down", attempt.user_id, None, network=attempt.network)
    return Throttled(math.ceil(max(bucket.free_at - now for bucket in blocking).total_seconds()))


def _lock_buckets(session: Session, keys: Mapping[str, str]) -> dict[str, LoginBucket]:
    """Return the buckets of these keys, inserted if missing and locked in the order of their keys."""
    connection, now = session.connection(), clock.now()
    defaults = {"failed": 0, "tries": 0, "last_at": now, "free_at": now, "refusal_noted": False, "network": ""}
    ordered = sorted(keys.values())
    connection.execute(insert_ignoring(connection, LoginBucket), [{"key": key, **defaults} for key in ordered])
    query = select(LoginBucket).where(LoginBucket.key.in_(ordered)).order_by(LoginBucket.key).with_for_update()
    rows = {row.key: row for row in session.scalars(query.execution_options(populate_existing=True))}
    return {kind: rows[key] for kind, key in keys.items()}


def _add_failure(bucket: LoginBucket, rule: Rule, now: datetime) -> None:
    expired = now - bucket.last_at > rule.forget
    bucket.failed = 1 if expired else bucket.failed + 1
    bucket.last_at, bucket.free_at = now, now + rule.wait(bucket.failed)
    bucket.refusal_noted = False


def _delete_old(session: Session) -> None:
    now = clock.now()
    expired: Any = select(LoginBucket.key).where(LoginBucket.last_at < now - KEEP).limit(DELETE_AT_ONCE)
    session.execute(delete(LoginBucket).where(LoginBucket.key.in_(expired)))
    expired = select(KnownBrowser.hash).where(KnownBrowser.used_at < now - COOKIE_LASTS).limit(DELETE_AT_ONCE)
    session.execute(delete(KnownBrowser).where(KnownBrowser.hash.in_(expired)))
