"""Sign-in, sign-out, and the person of a request."""

from __future__ import annotations

import logging
from dataclasses import replace
from threading import BoundedSemaphore

from flask import (
    Flask,
    Request,
    Response,
    current_app,
    g,
    has_request_context,
    jsonify,
    redirect,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask_babel import gettext
from flask_login import UserMixin, current_user, login_user, logout_user
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from fieldapp.config import Lifetime
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db, login
from fieldapp.platform.web import inputs
from fieldapp.services.accounts import journal, sessions, throttle, tokens
from fieldapp.services.accounts.models import User, UserSession
from fieldapp.services.accounts.passwords import dummy_hash, matches
from fieldapp.services.accounts.queries import CurrentSession, actor_of, person_in_session
from fieldapp.services.accounts.roles import NAMES
from fieldapp.services.accounts.sessions import digest

log = logging.getLogger(__name__)

#: Passwords that one process checks at a time, and sign-ins that may hold a thread for it. One check takes 0.2 s of a
#: core; without these limits sign-ins could hold every thread.
MAX_CHECKS, MAX_WAITING = 2, 4
#: Seconds that a sign-in waits for a free check, and seconds after which the client may try again.
CHECK_TIMEOUT, RETRY_AFTER = 3.0, 3
_check_slots, _waiting_slots = BoundedSemaphore(MAX_CHECKS), BoundedSemaphore(MAX_WAITING)


class LoginUser(UserMixin):
    """User object of Flask-Login. It holds plain data, so that no write transaction can expire it."""

    def __init__(self, actor: Actor, secret: str = "", current_session: CurrentSession | None = None) -> None:
        self.actor = actor
        #: Session of this request; None if the phone uses its token.
        self.current_session = current_session
        self._id = secret

    def get_id(self) -> str:
        return self._id


class Sessions(SecureCookieSessionInterface):
    """Session cookies, renewed once a day while in use."""

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Return whether to send the cookie: the session changed, or this is its first use today."""
        today = clock.today().isoformat()
        if session.permanent and session.get("renewed") != today:
            session["renewed"] = today
        return session.modified

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Record the use of the session, and set the cookie if it changed."""
        _record_use()
        super().save_session(app, session, response)


def _record_use() -> None:
    """Write "last seen" from time to time. If the database takes no writes, reading must still work."""
    current: CurrentSession | None = getattr(g.get("_login_user"), "current_session", None)
    if current is None or clock.now() - current.seen_at < sessions.TOUCH_EVERY:
        return
    try:
        sessions.touch(current.id)
    except DBAPIError:
        log.warning("the use of a session could not be noted", exc_info=True)


def init_app(app: Flask) -> None:
    """Connect Flask-Login to the users of this database."""
    app.session_interface = Sessions()
    login.init_app(app)
    app.jinja_env.globals["role_name"] = lambda role: NAMES.get(role, role)
    login.user_loader(_load_user)
    # Called only without a valid session: a token never overrides the person who is signed in.
    login.request_loader(_load_token_owner)
    login.unauthorized_handler(_unauthorized)


def _load_user(secret: str) -> LoginUser | None:
    loaded = person_in_session(db.engine, digest(secret), session_lifetime())
    if loaded is None:
        return None
    actor, session_row = loaded
    return LoginUser(actor, secret, session_row)


def session_lifetime() -> Lifetime:
    """Return the configured lifetime of sessions."""
    configured: Lifetime = current_app.config["SESSION_LASTS"]
    return configured


def _load_token_owner(request: Request) -> LoginUser | None:
    """Return the owner of the phone's token, even if the account was closed: finished work is accepted (mode 44)."""
    token = tokens.request_token(request) if tokens.is_capture(request.path) else None
    if token is None:
        return None
    g.by_token = True
    return LoginUser(actor_of(token.user_id))


def current_session() -> CurrentSession | None:
    """Return the session of this request, or None."""
    person = current_user._get_current_object() if has_request_context() else None
    row: CurrentSession | None = getattr(person, "current_session", None)
    return row


def this_phone() -> str | None:
    """Return the device id of this session's phone, as its last hello reported, or None."""
    row = current_session()
    return row.dev if row else None


def is_still_valid(transaction: Session, attempt: throttle.Attempt) -> bool:
    """Return whether the account is open and still has the checked password. A reset may happen meanwhile."""
    user = transaction.get(User, attempt.user_id, with_for_update=True)
    return user is not None and user.active and user.password_hash == attempt.password_hash


def sign_in(user_id: int, attempt: throttle.Attempt | None = None) -> str | None:
    """Begin a session for this person in this browser. Return the value of the known-browser cookie.

    The session of the request's cookie ends: on a shared phone it may be somebody else's, whose sign-out never reached
    the server. Return None if `attempt` is no longer valid.
    """
    with writing() as transaction:
        if attempt is not None and not is_still_valid(transaction, attempt):
            return None
        replaced = sessions.by_secret(transaction, session.get("_user_id"))
        if replaced is not None:
            sessions.end(transaction, "replaced", UserSession.id == replaced.id)
        failures = throttle.record_success(transaction, attempt) if attempt else throttle.FailedAttempts()
        wrong_passwords = {"wrong_count": failures.count, "wrong_at": failures.at, "wrong_network": failures.network}
        secret = sessions.begin(transaction, user_id, request, **wrong_passwords)
        sessions.delete_old(transaction, session_lifetime())
        browser_cookie = throttle.remember_browser(transaction, user_id)
        browser = sessions.browser_of(inputs.header("User-Agent", 300))
        network = sessions.network_of(sessions.address_of(request))
        journal.note(transaction, "user.sign_in", user_id, user_id, browser=browser, network=network)
    session.clear()
    session.permanent = True
    person = _load_user(secret)
    if person is not None:
        login_user(person)
    return browser_cookie


def sign_out() -> None:
    """End the session of this request's cookie and delete the phone's token.

    The token is deleted even if the session has ended: the person wants this phone to send nothing more, and the
    request may arrive long after (failure mode 43).
    """
    secret = session.get("_user_id")
    if secret is not None:
        with writing() as transaction:
            row = sessions.by_secret(transaction, secret)
            if row is not None and row.dev is not None:
                tokens.revoke_tokens(transaction, row.dev, row.user_id)
            if row is not None and sessions.end(transaction, "signed_out", UserSession.id == row.id):
                journal.note(transaction, "user.sign_out", row.user_id, row.user_id, browser=row.browser)
    logout_user()
    session.clear()


def check_password(username: str, password: str) -> throttle.Attempt | None:
    """Return the attempt if name and password match and the account is open, else None.

    Raise Throttled without checking the password after too many attempts. Neither the response nor its time shows
    whether the account exists.
    """
    # Before counting: a request that is rejected here is not an attempt.
    if not _waiting_slots.acquire(blocking=False):
        raise throttle.Throttled(RETRY_AFTER, overloaded=True)
    try:
        if not _check_slots.acquire(timeout=CHECK_TIMEOUT):
            raise throttle.Throttled(RETRY_AFTER, overloaded=True)
        try:
            return _check_password(username, password)
        finally:
            _check_slots.release()
    finally:
        _waiting_slots.release()


def _check_password(username: str, password: str) -> throttle.Attempt | None:
    query = select(User.id, User.password_hash, User.active).where(User.username == username)
    user_id, password_hash, active = db.session.execute(query).one_or_none() or (None, dummy_hash(), False)
    with writing() as transaction:
        attempt = throttle.admit(transaction, username, user_id, request)
    if isinstance(attempt, throttle.Throttled):
        raise attempt
    if matches(password, password_hash) and active:
        return replace(attempt, password_hash=password_hash)
    with writing() as transaction:
        throttle.record_failure(transaction, attempt)
    return None


def _unauthorized() -> Response:
    """Redirect pages to the sign-in form; answer `/sync` calls in JSON, never with a redirect (failure mode 15)."""
    if request.path.startswith("/sync/"):
        response = jsonify(error={"code": "session.needed", "words": gettext("Please sign in.")})
        response.status_code = 401
        return response
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("accounts.sign_in", next=target))  # type: ignore[return-value]
