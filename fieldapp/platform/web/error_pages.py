"""Every refusal as a page in words (the JSON of phones has its own, in sync)."""

from __future__ import annotations

import logging
import secrets

from flask import Flask, Response, request
from flask_babel import gettext
from werkzeug.exceptions import HTTPException

from fieldapp.errors import AppError
from fieldapp.platform.web import trouble
from fieldapp.platform.web.inputs import kept
from fieldapp.platform.web.render import render

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Registers one handler for each family of errors."""
    app.register_error_handler(AppError, _app_error)
    app.register_error_handler(HTTPException, _http_error)
    if not app.config.get("PROPAGATE_EXCEPTIONS"):
        app.register_error_handler(Exception, _unexpected)


def _words(status: int) -> str:
    known = {
        400: gettext("This request cannot be read."),
        403: gettext("You may not do this."),
        404: gettext("This page does not exist, or is not yours to see."),
        405: gettext("This cannot be done here."),
        408: gettext("The connection was too slow. Nothing was stored; please try again."),
        411: gettext("This request cannot be read."),
        413: gettext("Too much at once. Nothing was stored; please send smaller photos."),
        429: gettext("Too many tries. Please wait a minute."),
        503: gettext("The server is busy. Nothing is lost; please try again."),
    }
    return known.get(status, gettext("Something went wrong."))


def _draw(status: int, words: str, number: str = "") -> Response:
    return render(
        "error/error.html", status=status, code=status, words=words, number=number, where=kept(request.path, 200)
    )


def _app_error(error: AppError) -> Response:
    return _draw(error.status, str(error.words) or _words(error.status))


def _http_error(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    return _draw(error.code or 500, _words(error.code or 500))


def _stores_nothing(error: Exception) -> Response:
    """503: what was typed stands on the page, with a button that sends it again."""
    trouble.note(error)
    trouble.without_person()
    if request.method == "POST":
        typed = trouble.typed()
        words = trouble.words(shown=bool(typed["texts"]))
        response = render("error/unsaved.html", status=503, words=words, **typed)
    else:
        response = _draw(503, _words(503))
    response.headers["Retry-After"] = trouble.RETRY_AFTER_SECONDS
    return response


def _unexpected(error: Exception) -> Response:
    if trouble.is_storage_trouble(error):
        return _stores_nothing(error)
    number = secrets.token_hex(4)
    log.exception("unexpected, number %s", number)
    return _draw(500, gettext("Something went wrong. Nothing you saved is lost."), number)
