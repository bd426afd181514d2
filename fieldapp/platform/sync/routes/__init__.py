"""Blueprint of `/sync/*`: authentication, instance header, JSON error responses."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, g, request
from flask_babel import gettext
from flask_login import current_user
from werkzeug.exceptions import HTTPException

from fieldapp.errors import AppError
from fieldapp.platform.extensions import limiter
from fieldapp.platform.sync.answers import Refused, error_response
from fieldapp.platform.sync.instance import instance
from fieldapp.platform.web import trouble
from fieldapp.platform.web.guards import actor, public
from fieldapp.services.accounts.tokens import bearer, note_use

log = logging.getLogger(__name__)
bp = Blueprint("sync", __name__, url_prefix="/sync")


#: Tokens are too long to be guessed; the limit protects the server from attempts.
BAD_TOKENS = "60 per minute"


@bp.before_request
def _authenticate() -> Response | None:
    """Require a session or, for what a phone sends, its token. Answer 401 without a redirect."""
    if current_user.is_authenticated:
        # With a session the token is not needed; its use is then recorded at a hello only, not with every record.
        if "by_token" in g or request.endpoint == "sync.hello":
            note_use(request, actor().id)
        return None
    if bearer(request):
        with limiter.shared_limit(BAD_TOKENS, scope="bad-token"):
            pass
    return error_response(401, "session.needed", gettext("Please sign in."))


@bp.after_request
def _add_instance_header(response: Response) -> Response:
    response.headers["X-Fieldapp"] = instance()["id"]
    return response


@bp.errorhandler(Refused)
def _refused(error: Refused) -> Response:
    return error_response(error.status, error.code, error.message)


@bp.errorhandler(AppError)
def _app_error(error: AppError) -> Response:
    return error_response(error.status, error.code, str(error.words))


@bp.errorhandler(HTTPException)
def _http_error(error: HTTPException) -> Response:
    return error_response(error.code or 500, f"http.{error.code}", error.name)


@bp.errorhandler(Exception)
def _unexpected(error: Exception) -> Response:
    """Return 503 for storage errors, otherwise 500: the server's fault, never the record's (failure mode 37)."""
    if trouble.is_storage_trouble(error):
        trouble.note(error)
        return error_response(503, "server.busy", gettext("The server cannot store anything now. Nothing is lost."))
    log.exception("sync request failed")
    return error_response(500, "server.failed", gettext("The server could not do this now."))


@bp.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@public
def unknown(rest: str) -> Response:
    """Answer 404 in JSON for other addresses below `/sync/`."""
    return error_response(404, "sync.unknown", gettext("This cannot be done here."))
