"""Headers every answer carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, request
from flask_login import current_user


def init_app(app: Flask) -> None:
    """Adds the active user for the service worker, and caching rules."""
    app.after_request(_kept)


def _kept(response: Response) -> Response:
    headers = response.headers
    if request.path.startswith("/static/dist/"):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif "Cache-Control" not in headers:
        headers["Cache-Control"] = "private, no-cache"
    if response.mimetype == "text/html":
        person = current_user._get_current_object()
        if person.is_authenticated:
            headers["X-Fieldapp-User"] = str(person.actor.id)
    return response


def around(application: Any, css_hash: str, secure: bool) -> Any:
    """The application with the security headers, whatever answers; what an answer says itself stands."""
    always = [(name.lower(), (name, value)) for name, value in _always(css_hash, secure)]

    def dressed(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            there = {name.lower() for name, _ in headers}
            return start_response(status, [*headers, *(one for name, one in always if name not in there)], *error)

        return application(environ, start)

    return dressed


def _always(css_hash: str, secure: bool) -> Iterable[tuple[str, str]]:
    yield (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; worker-src 'self'; manifest-src 'self'; connect-src 'self'; "
        f"style-src 'self' {css_hash}; img-src 'self' blob: data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'",
    )
    yield "X-Content-Type-Options", "nosniff"
    yield "Referrer-Policy", "same-origin"
    yield "Cross-Origin-Opener-Policy", "same-origin"
    yield "Permissions-Policy", "camera=(self), geolocation=(self), microphone=(), payment=()"
    if secure:
        yield "Strict-Transport-Security", "max-age=31536000"
