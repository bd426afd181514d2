"""Sign-in, sign-out and the personal page."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, Response, current_app, redirect, url_for
from flask_babel import format_timedelta, gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from fieldapp.errors import NotFound
from fieldapp.platform.web import inputs
from fieldapp.platform.web.extension_points import home_for
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs, public
from fieldapp.platform.web.own_path import own_path
from fieldapp.platform.web.render import render
from fieldapp.services.accounts.roles import NAMES
from fieldapp.services.accounts.session import check_password, current_session
from fieldapp.services.accounts.session import sign_in as begin_session
from fieldapp.services.accounts.session import sign_out as end_session
from fieldapp.services.accounts.sessions import is_own
from fieldapp.services.accounts.throttle import COOKIE, COOKIE_LASTS, Throttled

bp = Blueprint("accounts", __name__)

#: Page with the person's phones and sessions (fieldapp/services/devices/routes.py).
SIGN_INS = "/me/devices"


@bp.get("/")
@needs("home.view")
def home() -> Response:
    """Redirect to the first tab that this person may open."""
    return redirect(home_for(actor()))  # type: ignore[return-value]


@bp.get("/login")
@public
def sign_in() -> Response:
    """Draw the sign-in form."""
    if current_user.is_authenticated:
        return redirect(own_path(inputs.query("next", most=inputs.MOST_TEXT)))  # type: ignore[return-value]
    new = inputs.query("new") == "1"
    return render(
        "services/accounts/login.html",
        next=inputs.query("next", most=inputs.MOST_TEXT),
        username="",
        problem=None,
        new=new,
    )


@bp.post("/login")
@public
def sign_in_post() -> Response:
    """Check name and password. Wrong passwords are counted and throttled."""
    username, target = inputs.posted("username", most=60).strip(), inputs.posted("next", most=inputs.MOST_TEXT)

    def form_with(problem: str, status: int) -> Response:
        return render("services/accounts/login.html", next=target, username=username, problem=problem, status=status)

    try:
        attempt = check_password(username, inputs.posted_secret("password"))
    except Throttled as throttled:
        return add_retry_after(form_with(wait_message(throttled), 503 if throttled.overloaded else 429), throttled)
    if attempt is None or attempt.user_id is None:
        return form_with(gettext("Name or password is wrong."), 422)
    browser_cookie = begin_session(attempt.user_id, attempt)
    if browser_cookie is None:
        return form_with(gettext("Name or password is wrong."), 422)
    response: Response = redirect(own_path(target), 303)  # type: ignore[assignment]
    return set_known_browser(response, browser_cookie)


def wait_message(throttled: Throttled) -> str:
    """Return the message that says how long to wait."""
    if throttled.overloaded:
        return gettext("Many people are signing in just now. Please try again in a moment.")
    wait = format_timedelta(timedelta(seconds=throttled.seconds), threshold=1.2)
    return gettext("Too many wrong passwords. Please try again in %(wait)s.", wait=wait)


def add_retry_after(response: Response, throttled: Throttled) -> Response:
    """Add `Retry-After` in seconds."""
    response.headers["Retry-After"] = str(throttled.seconds)
    return response


def set_known_browser(response: Response, secret: str) -> Response:
    """Set the cookie of a browser in which the person has signed in before."""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    max_age = int(COOKIE_LASTS.total_seconds())
    response.set_cookie(COOKIE, secret, max_age=max_age, httponly=True, samesite="Lax", secure=secure)
    return response


@bp.post("/logout")
@public
def sign_out() -> Response:
    """End the session and delete the phone's token: the phone sends nothing more for this person.

    Nothing on the phone is erased: unsent records stay for their author (failure mode 36).
    """
    end_session()
    return redirect(url_for("accounts.sign_in"), 303)  # type: ignore[return-value]


@bp.get("/me")
@needs("me.view")
def me() -> Response:
    """Draw the personal page: roles, language, unsent records, sign-out."""
    roles = [NAMES[role] for role in NAMES if role in actor().roles]
    return render("services/accounts/me.html", roles=roles)


@bp.post("/me/sessions/<uuid:session_id>/end")
@needs("session.end")
def end_session_form(session_id: UUID) -> Response:
    """Show the confirmation form for ending one session; used without JavaScript."""
    if not is_own(str(session_id), actor().id):
        raise NotFound("session.not_found")
    page = FormPage("session.end", ("session", str(session_id)), _l("Sign out there"), SIGN_INS, back=SIGN_INS)
    return form_page(page)


@bp.post("/me/sessions/end-others")
@needs("session.end_others")
def end_others() -> Response:
    """Show the confirmation form for ending all other sessions; used without JavaScript."""
    current = current_session()
    aggregate = ("session", current.id if current else "")
    return form_page(FormPage("session.end_others", aggregate, _l("Sign out everywhere else"), SIGN_INS, back=SIGN_INS))


@bp.post("/me/language")
@public
def language() -> Response:
    """Set the language of this browser."""
    chosen = inputs.posted("language")
    response: Response = redirect(own_path(inputs.posted("next", most=inputs.MOST_TEXT)), 303)  # type: ignore[assignment]
    if chosen in current_app.config["LANGUAGES"]:
        response.set_cookie("language", chosen, max_age=31_536_000, samesite="Lax", httponly=True)
    return response
