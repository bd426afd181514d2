"""Signing in and out, and the person behind a request."""

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
from fieldapp.services.accounts.passwords import matches, nobodys
from fieldapp.services.accounts.queries import CurrentSession, actor_of, person_in_session
from fieldapp.services.accounts.roles import NAMES
from fieldapp.services.accounts.sessions import digest

log = logging.getLogger(__name__)

#: Passwords that one process compares at a time, and log-ins that hold a thread meanwhile: comparing takes a fifth of a
#: second of a core, and with all threads in it none would be left for pages.
CHECKS, IN_LINE = 2, 4
#: Seconds that a log-in waits for its turn, and after which it may come again.
PATIENCE, RETRY_AFTER = 3.0, 3
_checking, _in_line = BoundedSemaphore(CHECKS), BoundedSemaphore(IN_LINE)


class SignedIn(UserMixin):
    """What Flask-Login holds: plain data, so that no write transaction can make it stale."""

    def __init__(self, actor: Actor, secret: str = "", here: CurrentSession | None = None) -> None:
        self.actor = actor
        #: The session of this request; None where a phone sends by its token.
        self.here = here
        self._id = secret

    def get_id(self) -> str:
        return self._id


class Sessions(SecureCookieSessionInterface):
    """Session cookies, renewed once a day while in use."""

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether the answer carries the cookie: when something in it changed, and the first time in a day."""
        today = clock.today().isoformat()
        if session.permanent and session.get("renewed") != today:
            session["renewed"] = today
        return session.modified

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Note that the session is in use, and set the cookie where it changed."""
        _note_use()
        super().save_session(app, session, response)


def _note_use() -> None:
    """Write "last seen", once in a while. A database that takes no writes keeps nobody from reading."""
    known: CurrentSession | None = getattr(g.get("_login_user"), "here", None)
    if known is None or clock.now() - known.seen_at < sessions.TOUCH_EVERY:
        return
    try:
        sessions.touch(known.id)
    except DBAPIError:
        log.warning("the use of a session could not be noted", exc_info=True)


def init_app(app: Flask) -> None:
    """Binds Flask-Login to the users of this database."""
    app.session_interface = Sessions()
    login.init_app(app)
    app.jinja_env.globals["role_name"] = lambda role: NAMES.get(role, role)
    login.user_loader(_load)
    # Asked only where no session holds: a token never speaks over the person who is signed in.
    login.request_loader(_by_token)
    login.unauthorized_handler(_sign_in_first)


def _load(secret: str) -> SignedIn | None:
    found = person_in_session(db.engine, digest(secret), lasts())
    if found is None:
        return None
    actor, here = found
    return SignedIn(actor, secret, here)


def lasts() -> Lifetime:
    """Return how long sessions last here."""
    configured: Lifetime = current_app.config["SESSION_LASTS"]
    return configured


def _by_token(request: Request) -> SignedIn | None:
    """The owner of the phone's token, also when the account was closed: work that was done is taken in (mode 44)."""
    token = tokens.presented(request) if tokens.is_capture(request.path) else None
    if token is None:
        return None
    g.by_token = True
    return SignedIn(actor_of(token.user_id))


def here() -> CurrentSession | None:
    """Return the session of this request; None where there is none."""
    person = current_user._get_current_object() if has_request_context() else None
    found: CurrentSession | None = getattr(person, "here", None)
    return found


def this_phone() -> str | None:
    """Return the phone this session is on, as its last hello said."""
    session = here()
    return session.dev if session else None


def still_holds(transaction: Session, attempt: throttle.Attempt) -> bool:
    """Whether the account is open and has the password that was checked. Checking takes long enough for a reset."""
    user = transaction.get(User, attempt.user_id, with_for_update=True)
    return user is not None and user.active and user.password_hash == attempt.password_hash


def sign_in(user_id: int, attempt: throttle.Attempt | None = None) -> str | None:
    """Begin a session for this person in this browser. Return the value of the cookie by which it is known from now on.

    The session whose cookie came along ends: it may be somebody else's on a shared phone, whose sign-out never reached
    the server. `attempt` is the try whose password was right; None where it is right no more.
    """
    with writing() as transaction:
        if attempt is not None and not still_holds(transaction, attempt):
            return None
        before = sessions.by_secret(transaction, session.get("_user_id"))
        if before is not None:
            sessions.end(transaction, "replaced", UserSession.id == before.id)
        tries = throttle.right(transaction, attempt) if attempt else throttle.Tries()
        wrong = {"wrong_count": tries.count, "wrong_at": tries.at, "wrong_network": tries.network}
        secret = sessions.begin(transaction, user_id, request, **wrong)
        sessions.delete_old(transaction, lasts())
        known = throttle.know(transaction, user_id)
        browser = sessions.browser_of(inputs.header("User-Agent", 300))
        network = sessions.network_of(sessions.address_of(request))
        journal.note(transaction, "user.sign_in", user_id, user_id, browser=browser, network=network)
    session.clear()
    session.permanent = True
    person = _load(secret)
    if person is not None:
        login_user(person)
    return known


def sign_out() -> None:
    """End the session of this request's cookie, and the phone's token with it.

    Also where the session has ended already: signing out is the person's word that this phone sends nothing for them
    any more, and it may reach the server long after (failure mode 43).
    """
    secret = session.get("_user_id")
    if secret is not None:
        with writing() as transaction:
            row = sessions.by_secret(transaction, secret)
            if row is not None and row.dev is not None:
                tokens.forget(transaction, row.dev, row.user_id)
            if row is not None and sessions.end(transaction, "signed_out", UserSession.id == row.id):
                journal.note(transaction, "user.sign_out", row.user_id, row.user_id, browser=row.browser)
    logout_user()
    session.clear()


def check(username: str, password: str) -> throttle.Attempt | None:
    """Return the try, if name and password agree and the account is open. Raises Slow, and then looks at no password.

    Whether there is such an account shows neither in the answer nor in the time it takes.
    """
    # Before anything is counted: who is turned away here has tried nothing.
    if not _in_line.acquire(blocking=False):
        raise throttle.Slow(RETRY_AFTER, crowded=True)
    try:
        if not _checking.acquire(timeout=PATIENCE):
            raise throttle.Slow(RETRY_AFTER, crowded=True)
        try:
            return _check(username, password)
        finally:
            _checking.release()
    finally:
        _in_line.release()


def _check(username: str, password: str) -> throttle.Attempt | None:
    query = select(User.id, User.password_hash, User.active).where(User.username == username)
    user_id, kept, active = db.session.execute(query).one_or_none() or (None, nobodys(), False)
    with writing() as transaction:
        attempt = throttle.admit(transaction, username, user_id, request)
    if isinstance(attempt, throttle.Slow):
        raise attempt
    if matches(password, kept) and active:
        return replace(attempt, password_hash=kept)
    with writing() as transaction:
        throttle.wrong(transaction, attempt)
    return None


def _sign_in_first() -> Response:
    """A page leads to the log-in form; a sync call gets JSON, never a redirect (failure mode 15)."""
    if request.path.startswith("/sync/"):
        answer = jsonify(error={"code": "session.needed", "words": gettext("Please sign in.")})
        answer.status_code = 401
        return answer
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("accounts.sign_in", next=target))  # type: ignore[return-value]
