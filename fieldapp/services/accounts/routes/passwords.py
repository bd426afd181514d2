"""Pages for changing a password and for reset links. Plain forms that never become envelopes (ADR 29)."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect
from flask_babel import gettext

from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web import inputs
from fieldapp.platform.web.guards import actor, needs, public
from fieldapp.platform.web.render import render
from fieldapp.services.accounts import resets, throttle
from fieldapp.services.accounts.passwords import LONGEST, SHORTEST, hash_password, password_problem
from fieldapp.services.accounts.routes import add_retry_after, bp, set_known_browser, wait_message
from fieldapp.services.accounts.session import check_password, current_session, is_still_valid
from fieldapp.services.accounts.throttle import Throttled


def _secret_field(name: str) -> str:
    return inputs.posted_secret(name)


def _render(template: str, status: int = 200, code: str = "", changed: bool = False, **problems: str) -> Response:
    values: dict[str, Any] = {"shortest": SHORTEST, "longest": LONGEST, "code": code, "changed": changed}
    response = render(template, status=status, problems=problems, **values)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/me/password")
@needs("me.password")
def password() -> Response:
    """Draw the form for changing one's own password."""
    return _render("services/accounts/password.html", changed=inputs.query("changed") == "1")


@bp.post("/me/password")
@needs("me.password")
def change_password() -> Response:
    """Change the password after checking the present one. Wrong passwords are throttled as at sign-in."""
    me, new = actor(), _secret_field("new")
    problem = password_problem(new, me.username, me.name)
    if problem is not None:
        return _render("services/accounts/password.html", 422, new=str(problem))
    try:
        attempt = check_password(me.username, _secret_field("present"))
    except Throttled as throttled:
        return add_retry_after(
            _render("services/accounts/password.html", 429, present=wait_message(throttled)), throttled
        )
    if attempt is None:
        return _render("services/accounts/password.html", 422, present=gettext("This is not your present password."))
    password_hash, current = hash_password(new), current_session()
    with writing() as session:
        throttle.note_correct_password(session, attempt)
        valid = is_still_valid(session, attempt)
        if valid:
            resets.change_password(session, me.id, password_hash, current.id if current else None)
    if not valid:
        return _render("services/accounts/password.html", 422, present=gettext("This is not your present password."))
    return redirect("/me/password?changed=1", 303)  # type: ignore[return-value]


@bp.get("/reset")
@public
def reset() -> Response:
    """Draw the page behind a link. Opening it changes nothing; the secret follows `#` and is never sent."""
    return _render("services/accounts/reset.html")


@bp.post("/reset")
@public
def reset_password() -> Response:
    """Set the new password if the link is valid."""
    code, new = _secret_field("code").rpartition("#")[2].strip(), _secret_field("new")
    user = resets.user_of_link(db.session(), code)
    if user is None:
        return _invalid_link()
    problem = password_problem(new, user.username, user.name)
    if problem is not None:
        # The address behind `#` is gone after a post: without the code the person would need the link again.
        return _render("services/accounts/reset.html", 422, code=code, new=str(problem))
    password_hash = hash_password(new)
    with writing() as session:
        # Read again under the lock: the second of two posts with one link finds it used.
        user = resets.user_of_link(session, code)
        if user is not None:
            resets.use_link(session, user, password_hash)
            browser_cookie = throttle.remember_browser(session, user.id)
    if user is None:
        return _invalid_link()
    response: Response = redirect("/login?new=1", 303)  # type: ignore[assignment]
    return set_known_browser(response, browser_cookie)


def _invalid_link() -> Response:
    message = gettext("This link is not valid any more. Please ask an administrator for a new one.")
    return _render("services/accounts/reset.html", 422, link=message)
