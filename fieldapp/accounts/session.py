"""Signing in and out, and the person behind a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Request, Response, g, jsonify, redirect, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_babel import gettext
from flask_login import UserMixin
from sqlalchemy import select

from fieldapp.accounts import tokens
from fieldapp.accounts.models import User
from fieldapp.accounts.passwords import matches, nobodys
from fieldapp.accounts.queries import actor_in_session, actor_of, person_reader, person_rows
from fieldapp.accounts.roles import NAMES
from fieldapp.extensions import db, login
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.web.cookies import SessionCookies, named
from fieldapp.web.known import KnownPages


class SignedIn(UserMixin):
    """What Flask-Login holds: plain data, so that no write transaction can make it stale."""

    def __init__(self, actor: Actor, session_key: str, seen: Sequence[tuple[Any, ...]] = ()) -> None:
        self.actor = actor
        #: What was read of the person, with the end of the audit trail: what pages are made from (web/fresh.py).
        self.seen = list(seen)
        self._id = f"{actor.id}:{session_key}"

    def get_id(self) -> str:
        return self._id


class Sessions(SecureCookieSessionInterface):
    """Session cookies, renewed once a day while in use: signing one for every answer costs more than reading it."""

    def __init__(self, app: Flask) -> None:
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            raise RuntimeError("without a key no session can be kept")
        self.cookies = SessionCookies(serializer, app.permanent_session_lifetime)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession:
        """What the cookie holds; an empty session where there is none that can be trusted."""
        cookies = named(request.environ.get("HTTP_COOKIE", ""))
        found = self.cookies.read(cookies.get(self.get_cookie_name(app), ""))
        return self.session_class(found[0] if found else None)

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether the answer carries the cookie: when something in it changed, and the first time in a day."""
        today = clock.today().isoformat()
        if session.permanent and session.get("renewed") != today:
            session["renewed"] = today
        return session.modified

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """As Flask does it. Most answers carry no cookie; all that is left to say is that they depend on one."""
        if self.should_set_cookie(app, session):
            super().save_session(app, session, response)
        elif session.accessed:
            vary = response.headers.get("Vary", "")
            if "Cookie" not in vary:
                response.headers["Vary"] = f"{vary}, Cookie" if vary else "Cookie"


def init_app(app: Flask) -> None:
    """Binds Flask-Login to the users of this database."""
    sessions = app.session_interface = Sessions(app)
    login.init_app(app)
    app.jinja_env.globals["role_name"] = lambda role: NAMES.get(role, role)
    login.user_loader(_load)
    # Asked only where no session holds: a token never speaks over the person who is signed in.
    login.request_loader(_by_token)
    login.unauthorized_handler(_sign_in_first)
    with app.app_context():
        app.wsgi_app = KnownPages(app, sessions.cookies, person_reader(db.engine))  # type: ignore[method-assign]


def _load(token: str) -> SignedIn | None:
    user_id, _, key = token.partition(":")
    if not user_id.isdecimal() or len(user_id) > 9:
        return None
    rows = person_rows(int(user_id), session.get("dev", ""))
    actor = actor_in_session(int(user_id), key, signed_in_at(), rows)
    return SignedIn(actor, key, rows) if actor else None


def _by_token(request: Request) -> SignedIn | None:
    """The owner of the phone's token, also when the account was closed: work that was done is taken in (mode 44)."""
    token = tokens.presented(request) if tokens.is_capture(request.path) else None
    if token is None:
        return None
    g.by_token = True
    return SignedIn(actor_of(token.user_id), "")


def begin() -> None:
    """What a session holds from its first moment on. Which phone it is on, the phone says in its first hello."""
    session.clear()
    session.permanent = True
    session["since"] = clock.iso_exact(clock.now())


def signed_in_at() -> datetime:
    """When this session began; long ago where it does not say."""
    try:
        return clock.parse_iso(session["since"])
    except (KeyError, ValueError, TypeError):
        return datetime(1970, 1, 1, tzinfo=UTC)


def check(username: str, password: str) -> SignedIn | None:
    """The person, if name and password agree and the account is open."""
    user = db.session.scalar(select(User).where(User.username == username))
    if user is None:
        matches(password, nobodys())
        return None
    if not matches(password, user.password_hash) or not user.active:
        return None
    return SignedIn(actor_of(user.id), user.session_key, person_rows(user.id, ""))


def _sign_in_first() -> Response:
    """A page leads to the log-in form; a sync call gets JSON, never a redirect (failure mode 15)."""
    if request.path.startswith("/sync/"):
        answer = jsonify(error={"code": "session.needed", "words": gettext("Please sign in.")})
        answer.status_code = 401
        return answer
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("accounts.sign_in", next=target))  # type: ignore[return-value]
