"""Headers every answer carries."""

from __future__ import annotations

from functools import cache

from flask import Flask, Response, current_app, request
from flask_login import current_user

from fieldapp.web.assets import Assets


def init_app(app: Flask) -> None:
    """Adds security headers, the active user for the service worker, and caching rules."""
    app.after_request(_secure)


def _secure(response: Response) -> Response:
    headers = response.headers
    assets: Assets = current_app.extensions["assets"]
    there = {name for name, _ in headers}
    for name, value in _always(assets.css_hash, current_app.config["SESSION_COOKIE_SECURE"]):
        if name not in there:
            headers.add(name, value)
    if request.path.startswith("/static/dist/"):
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif "Cache-Control" not in there:
        headers["Cache-Control"] = "private, no-cache"
    if response.mimetype == "text/html":
        person = current_user._get_current_object()
        if person.is_authenticated:
            headers["X-Fieldapp-User"] = str(person.actor.id)
    return response


@cache
def _always(css_hash: str, secure: bool) -> tuple[tuple[str, str], ...]:
    policy = (
        "default-src 'none'; script-src 'self'; worker-src 'self'; manifest-src 'self'; connect-src 'self'; "
        f"style-src 'self' {css_hash}; img-src 'self' blob: data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    return (
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(self), geolocation=(self), microphone=(), payment=()"),
        *([("Strict-Transport-Security", "max-age=31536000")] if secure else []),
    )
