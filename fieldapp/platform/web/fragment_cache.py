"""Cache drawn fragments. The key of a fragment is all that its template is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from functools import lru_cache, partial
from typing import Any

from flask import current_app
from markupsafe import Markup

from fieldapp.platform.web import language
from fieldapp.platform.web.etag import new_id, rendered_at

#: Placeholders in a cached fragment for what is new in every page. Stored texts hold no NUL.
_NEW, _AT = Markup("\x00op"), Markup("\x00at")
_OP = re.compile(_NEW)
#: Fragments cached in a process, of one to five KB each.
KEPT = 2048


def cached_fragment(template: str, *values: Hashable) -> Markup:
    """Draw the template from `values`, its only variable; all it shows must be in them.

    The same values in the same language give the same fragment from memory, whoever asks. Nothing that must be new
    in every page (an op id), that belongs to a person or that follows the clock may stand in such a template.
    """
    return fragment_drawer(template)(*values)


def fragment_drawer(template: str) -> Callable[..., Markup]:
    """Return `cached_fragment` for many fragments of one template, which is looked up once."""
    return partial(_drawn, current_app.jinja_env.get_template(template), language.code())


def cached_form_fragment(template: str, *values: Hashable) -> Markup:
    """Draw a fragment with forms in it: op ids and the page's time are put in anew for every page."""
    drawn = cached_fragment(template, *values)
    return Markup(_OP.sub(lambda _: new_id(), drawn).replace(_AT, rendered_at()))  # noqa: S704 - as above


# By type, too: what is safe to show and what is to be escaped compare equal.
@lru_cache(maxsize=KEPT, typed=True)
def _drawn(template: Any, code: str, *values: Hashable) -> Markup:
    # Drawn by our own templates, which escape what people typed.
    return Markup(template.render(values=values, new_op=lambda: _NEW, rendered_at=_AT))  # noqa: S704
