"""Draw a page or its fragment (docs/architecture.md)."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import unquote

from flask import Response, current_app, make_response, render_template, request

from fieldapp.platform.web import inputs
from fieldapp.platform.web.etag import make_conditional

VARY = "HX-Request, Cookie, Accept-Language"
#: What belongs to a request alone, not to its person and browser.
_OWN = frozenset(
    {
        *("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_RANGE", "HTTP_ACCEPT_ENCODING"),
        *("CONTENT_LENGTH", "CONTENT_TYPE", "REQUEST_URI", "RAW_URI"),
    }
)


def wants_fragment() -> bool:
    """Return whether htmx asked for a part: boosted and history requests want the whole page (models.md A9.3)."""
    asked, boosted, restored = inputs.htmx()
    return asked == "true" and "true" not in {boosted, restored}


def render(template: str, /, fragment: str | None = None, status: int = 200, **context: Any) -> Response:
    """Draw `template`, or `fragment` (a `_name.html`) where htmx wants only that part; with `Vary` and an ETag."""
    name = fragment if fragment and wants_fragment() else template
    response = make_response(render_template(name, **context), status)
    response.headers["Vary"] = VARY
    if wants_fragment():
        # Asked for because a record was received; a copy with the same tag says that it was drawn before that.
        response.headers["Cache-Control"] = "private, no-store"
    return make_conditional(response)


def draw_page(url: str) -> Response:
    """Return what a visit of `url` would be answered with in this person's browser. Raise what its view raises.

    Drawn in contexts of its own, as a request is: close the session before, or two connections are held at once.
    """
    path, _, query = url.partition("?")
    kept = {
        name: value
        for name, value in request.environ.items()
        if name not in _OWN and not name.startswith(("HTTP_HX_", "werkzeug.", "flask."))
    }
    environ = {
        **kept,
        "REQUEST_METHOD": "GET",
        "PATH_INFO": unquote(path, "latin-1"),
        "QUERY_STRING": query,
        "wsgi.input": BytesIO(),
    }
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with app.app_context(), app.request_context(environ):
        response: Response = app.full_dispatch_request()
        return response
