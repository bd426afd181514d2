"""Log-in, log-out, the personal page."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, redirect, session, url_for
from flask_babel import gettext
from flask_login import current_user, login_user, logout_user

from fieldapp.accounts.roles import NAMES
from fieldapp.accounts.session import begin, check, safe_target
from fieldapp.accounts.tokens import forget
from fieldapp.commandbus import writing
from fieldapp.extensions import limiter
from fieldapp.web import inputs
from fieldapp.web.guards import actor, needs, public
from fieldapp.web.render import render

bp = Blueprint("accounts", __name__)


def _login_limit() -> str:
    return str(current_app.config["LOGIN_LIMIT"])


@bp.get("/")
@needs("home.view")
def home() -> Response:
    """The first screen of whoever this is: the first tab they may open."""
    return redirect(current_app.extensions["offers"].home_for(actor()))  # type: ignore[return-value]


@bp.get("/login")
@public
def sign_in() -> Response:
    """The log-in form."""
    if current_user.is_authenticated:
        return redirect(safe_target(inputs.query("next", most=inputs.MOST_TEXT)))  # type: ignore[return-value]
    return render("accounts/login.html", next=inputs.query("next", most=inputs.MOST_TEXT), username="", problem=None)


@bp.post("/login")
@public
@limiter.limit(_login_limit, deduct_when=lambda response: response.status_code == 422)
def sign_in_post() -> Response:
    """Checks name and password; wrong ones are counted and slowed down."""
    username = inputs.posted("username", most=60).strip()
    person = check(username, inputs.posted_secret("password"))
    target = inputs.posted("next", most=inputs.MOST_TEXT)
    if person is None:
        problem = gettext("Name or password is wrong.")
        return render("accounts/login.html", next=target, username=username, problem=problem, status=422)
    begin()
    login_user(person)
    return redirect(safe_target(target), 303)  # type: ignore[return-value]


@bp.post("/logout")
@public
def sign_out() -> Response:
    """Ends the session, and the phone's token with it: from now on this phone sends nothing for this person.

    Nothing on the phone is erased: unsent records stay for their author (failure mode 36).
    """
    if current_user.is_authenticated and "dev" in session:
        with writing() as transaction:
            forget(transaction, session["dev"], actor().id)
    logout_user()
    session.clear()
    return redirect(url_for("accounts.sign_in"), 303)  # type: ignore[return-value]


@bp.get("/me")
@needs("me.view")
def me() -> Response:
    """Who I am here, language, what is still on this phone, log-out."""
    roles = [NAMES[role] for role in NAMES if role in actor().roles]
    return render("accounts/me.html", roles=roles)


@bp.post("/me/language")
@public
def language() -> Response:
    """Chooses the language of this browser."""
    chosen = inputs.posted("language")
    response: Response = redirect(safe_target(inputs.posted("next", most=inputs.MOST_TEXT)), 303)  # type: ignore[assignment]
    if chosen in current_app.config["LANGUAGES"]:
        response.set_cookie("language", chosen, max_age=31_536_000, samesite="Lax", httponly=True)
    return response
