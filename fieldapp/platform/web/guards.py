"""Who may open a page. Every route says so; a test walks them all."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask_login import current_user

from fieldapp.errors import NotAllowed
from fieldapp.kernel.actor import Actor
from fieldapp.platform.extensions import login

P = ParamSpec("P")
R = TypeVar("R")


def actor() -> Actor:
    """The signed-in person. Only to be called behind `needs`."""
    return cast(Actor, current_user.actor)


def needs(verb: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Asks for a signed-in person whose roles cover `verb` (`job.view`)."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            # Looked up once: each look at the proxy goes through two contexts.
            person = current_user._get_current_object()
            if not person.is_authenticated:
                return cast(R, login.unauthorized())
            if not person.actor.can(verb):
                raise NotAllowed("page.not_allowed")
            return view(*args, **kwargs)

        cast(Any, guarded).guard = verb
        return guarded

    return wrap


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Marks a route that anybody may open."""
    cast(Any, view).guard = "public"
    return view
