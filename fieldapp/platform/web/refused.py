"""Requests whose body the server process did not take: answered in words, without the body."""

from __future__ import annotations

from flask import Flask, abort, request

#: Where the environ says with which status a body was refused; the body is empty then.
REFUSED = "fieldapp.refused"


def init_app(app: Flask) -> None:
    """Answers such requests before anything else looks at them."""
    app.before_request(_refuse)


def _refuse() -> None:
    status = request.environ.get(REFUSED)
    if status is not None:
        abort(status)
