"""The blueprint of `/sync/*`: who may call, and how every answer is dressed."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, g, request
from flask_babel import gettext
from flask_login import current_user
from werkzeug.exceptions import HTTPException

from fieldapp.errors import AppError
from fieldapp.platform.extensions import limiter
from fieldapp.platform.sync.answers import Refused, refusal
from fieldapp.platform.sync.instance import instance
from fieldapp.platform.web import trouble
from fieldapp.platform.web.guards import actor, public
from fieldapp.services.accounts.tokens import bearer, note_use

log = logging.getLogger(__name__)
bp = Blueprint("sync", __name__, url_prefix="/sync")


#: Tokens are too long to be guessed; whoever tries is slowed down all the same.
BAD_TOKENS = "60 per minute"


@bp.before_request
def _who() -> Response | None:
    """A session, or for what a phone sends its token; both are looked for without a redirect."""
    if current_user.is_authenticated:
        # Beside a session nobody asks the token: that it has arrived is noted with a hello, not with every record.
        if "by_token" in g or request.endpoint == "sync.hello":
            note_use(request, actor().id)
        return None
    if bearer(request):
        with limiter.shared_limit(BAD_TOKENS, scope="bad-token"):
            pass
    return refusal(401, "session.needed", gettext("Please sign in."))


@bp.after_request
def _ours(response: Response) -> Response:
    response.headers["X-Fieldapp"] = instance()["id"]
    return response


@bp.errorhandler(Refused)
def _refused(error: Refused) -> Response:
    return refusal(error.status, error.code, error.words)


@bp.errorhandler(AppError)
def _app_error(error: AppError) -> Response:
    return refusal(error.status, error.code, str(error.words))


@bp.errorhandler(HTTPException)
def _http_error(error: HTTPException) -> Response:
    return refusal(error.code or 500, f"http.{error.code}", error.name)


@bp.errorhandler(Exception)
def _unexpected(error: Exception) -> Response:
    """What the database or the disk does not take is the server's trouble, never the record's (failure mode 37)."""
    if trouble.is_storage_trouble(error):
        trouble.note(error)
        return refusal(503, "server.busy", gettext("The server cannot store anything now. Nothing is lost."))
    log.exception("sync request failed")
    return refusal(500, "server.failed", gettext("The server could not do this now."))


@bp.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
@public
def unknown(rest: str) -> Response:
    """Whatever else is asked for below /sync/ is answered in JSON, too."""
    return refusal(404, "sync.unknown", gettext("This cannot be done here."))
