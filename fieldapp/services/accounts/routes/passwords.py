"""One's own password, and the page behind a reset link. Ordinary forms that become no envelope (ADR 29)."""

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
from fieldapp.services.accounts.passwords import LONGEST, SHORTEST, hashed, problem_of
from fieldapp.services.accounts.routes import bp, remembering, slowed, too_many
from fieldapp.services.accounts.session import check, here, still_holds
from fieldapp.services.accounts.throttle import Slow


def _typed(name: str) -> str:
    return inputs.posted_secret(name)


def _draw(template: str, status: int = 200, code: str = "", changed: bool = False, **problems: str) -> Response:
    more: dict[str, Any] = {"shortest": SHORTEST, "longest": LONGEST, "code": code, "changed": changed}
    response = render(template, status=status, problems=problems, **more)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/me/password")
@needs("me.password")
def password() -> Response:
    """The form to change one's own password."""
    return _draw("services/accounts/password.html", changed=inputs.query("changed") == "1")


@bp.post("/me/password")
@needs("me.password")
def change_password() -> Response:
    """Asks for the present password; wrong ones are slowed down as when signing in."""
    me, new = actor(), _typed("new")
    problem = problem_of(new, me.username, me.name)
    if problem is not None:
        return _draw("services/accounts/password.html", 422, new=str(problem))
    try:
        attempt = check(me.username, _typed("present"))
    except Slow as slow:
        return slowed(_draw("services/accounts/password.html", 429, present=too_many(slow)), slow)
    if attempt is None:
        return _draw("services/accounts/password.html", 422, present=gettext("This is not your present password."))
    kept, current = hashed(new), here()
    with writing() as session:
        throttle.taken_back(session, attempt)
        holds = still_holds(session, attempt)
        if holds:
            resets.change(session, me.id, kept, current.id if current else None)
    if not holds:
        return _draw("services/accounts/password.html", 422, present=gettext("This is not your present password."))
    return redirect("/me/password?changed=1", 303)  # type: ignore[return-value]


@bp.get("/reset")
@public
def reset() -> Response:
    """The page behind a link: opening it changes nothing, and its secret stands behind the `#`, which is never sent."""
    return _draw("services/accounts/reset.html")


@bp.post("/reset")
@public
def reset_password() -> Response:
    """Sets the new password, if the link is good."""
    code, new = _typed("code").rpartition("#")[2].strip(), _typed("new")
    user = resets.person_of(db.session(), code)
    if user is None:
        return _no_link()
    problem = problem_of(new, user.username, user.name)
    if problem is not None:
        # The address behind `#` is gone after a post: without the code the person would need the link again.
        return _draw("services/accounts/reset.html", 422, code=code, new=str(problem))
    kept = hashed(new)
    with writing() as session:
        # Asked again under the lock: of two posts of one link the second finds it used.
        user = resets.person_of(session, code)
        if user is not None:
            resets.use(session, user, kept)
            known = throttle.know(session, user.id)
    if user is None:
        return _no_link()
    response: Response = redirect("/login?new=1", 303)  # type: ignore[assignment]
    return remembering(response, known)


def _no_link() -> Response:
    words = gettext("This link is not valid any more. Please ask an administrator for a new one.")
    return _draw("services/accounts/reset.html", 422, link=words)
