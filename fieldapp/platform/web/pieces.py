"""Small parts of lists, drawn once for each content: a row that did not change is not drawn again."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from functools import lru_cache, partial
from typing import Any

from flask import current_app, g
from markupsafe import Markup

from fieldapp.kernel import clock, ids
from fieldapp.platform.web import language

#: Stand in a kept piece for what is new in every page. Nothing that people type can hold the sign.
_NEW, _AT = Markup("\x00op"), Markup("\x00at")
_OP = re.compile(_NEW)
#: Rows kept in a process, of one to five KB each.
KEPT = 2048


def rendered_at() -> str:
    """As of when the page is true: what arrives while it is being made is not in it yet."""
    return clock.iso(g.get("asked_at") or clock.now())


def piece(template: str, *values: Hashable) -> Markup:
    """The template drawn from `values` alone, its only variable; all it shows must be in them.

    The same values in the same language give the same piece from memory, whoever asks. Nothing that must be new
    in every page (an op id), that belongs to a person or that follows the clock may stand in such a template.
    """
    return pieces(template)(*values)


def pieces(template: str) -> Callable[..., Markup]:
    """`piece` for a whole list: template and language are looked up once."""
    return partial(_drawn, current_app.jinja_env.get_template(template), language.code())


def forms_piece(template: str, *values: Hashable) -> Markup:
    """The same for a part with forms in it: op ids and the page's time are put in anew for every page."""
    drawn = piece(template, *values)
    return Markup(_OP.sub(lambda _: str(ids.uuid7()), drawn).replace(_AT, rendered_at()))  # noqa: S704 - as above


# By type, too: what is safe to show and what is to be escaped compare equal.
@lru_cache(maxsize=KEPT, typed=True)
def _drawn(template: Any, code: str, *values: Hashable) -> Markup:
    # Drawn by our own templates, which escape what people typed.
    return Markup(template.render(values=values, new_op=lambda: _NEW, rendered_at=_AT))  # noqa: S704
