"""One renderer decides between a page and its fragment (docs/architecture.md)."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template

from fieldapp.platform.web import inputs
from fieldapp.platform.web.fresh import VARY, tagged


def wants_fragment() -> bool:
    """Whether htmx asked for a part: boosted and history requests want the whole page (models.md A9.3)."""
    asked, boosted, restored = inputs.htmx()
    return asked == "true" and "true" not in {boosted, restored}


def render(template: str, /, fragment: str | None = None, status: int = 200, **context: Any) -> Response:
    """`template` for a visit, `fragment` (a `_name.html`) where htmx wants only that part; always with `Vary`."""
    name = fragment if fragment and wants_fragment() else template
    response = make_response(render_template(name, **context), status)
    response.headers["Vary"] = VARY
    return tagged(response)
