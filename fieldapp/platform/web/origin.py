"""Cross-site writes are refused by where they come from; there are no form tokens to go stale (ADR 5)."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request
from flask_babel import gettext

from fieldapp.errors import NotAllowed

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def init_app(app: Flask) -> None:
    """Checks every request that could write."""
    app.before_request(_same_site_only)


def _same_site_only() -> None:
    # Looked up once: each look goes through the proxy.
    environ = request.environ
    if environ["REQUEST_METHOD"] in SAFE:
        return
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise NotAllowed("request.cross_site", gettext("This request came from another site."))
        return
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise NotAllowed("request.cross_site", gettext("This request came from another site."))
