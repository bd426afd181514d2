"""`/sw.js`, `/manifest.webmanifest`, `/share`, `/offline`, `/outbox`, `/add`, `/healthz`."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, request, send_from_directory
from flask_login import current_user
from sqlalchemy import text

from fieldapp.kernel.ids import uuid7
from fieldapp.platform.extensions import INSTANCE_ID, db
from fieldapp.platform.offline.web_manifest import web_manifest
from fieldapp.platform.web.assets import ASSETS, FOLDER
from fieldapp.platform.web.extension_points import TILES
from fieldapp.platform.web.guards import actor, needs, public
from fieldapp.platform.web.render import render
from fieldapp.services.accounts.session import this_phone
from fieldapp.services.devices import elsewhere, losses

bp = Blueprint("offline", __name__)


@bp.get("/sw.js")
@public
def service_worker() -> Response:
    """Send the service worker from the root, so that its scope is every page (failure mode 60).

    With FIELDAPP_SW_KILL=1 send the kill switch, a worker that unregisters itself and leaves every record alone
    (failure mode 61).
    """
    worker = ASSETS().worker
    name = "sw.js" if worker else "sw-kill.js"
    if not (FOLDER / name).exists():
        abort(404)
    response: Response
    if not worker:
        # Unique bytes: if a page registers the worker while it unregisters, an identical one would stay installed.
        response = Response(f"{(FOLDER / name).read_text()}\n// {uuid7()}\n", mimetype="text/javascript")
    else:
        response = send_from_directory(FOLDER, name, mimetype="text/javascript", max_age=0)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = "default-src 'none'; connect-src 'self'; script-src 'self'"
    return response


@bp.get("/manifest.webmanifest")
@public
def manifest() -> Response:
    """Send the web app manifest."""
    response = jsonify(web_manifest())
    response.mimetype = "application/manifest+json"
    return response


@bp.route("/share", methods=["GET", "POST"])
@public
def share() -> Response:
    """Answer a share from another app that the service worker did not handle. Nothing is stored.

    Normally the worker answers instead (static/src/sw.ts).
    """
    sender = current_user.actor if current_user.is_authenticated else None
    return render("platform/offline/share.html", status=409 if request.method == "POST" else 200, may=bool(sender))


@bp.get("/offline")
@public
def shell() -> Response:
    """Draw the fallback for a page that is not on this phone. It names nobody, because it is cached for every user."""
    return render("platform/offline/shell.html", actor=None, tabs=[])


@bp.get("/outbox")
@needs("outbox.view")
def outbox() -> Response:
    """Draw the outbox page: filled in by the phone; the person's other stores and lost records by the server."""
    return render("platform/offline/outbox.html", elsewhere=elsewhere(actor(), this_phone()), losses=losses(actor()))


@bp.get("/add")
@needs("outbox.view")
def add() -> Response:
    """List everything this person can record."""
    return render("platform/offline/add.html", tiles=TILES.open_to(actor()))


@bp.get("/healthz")
@public
def healthz() -> Response:
    """Answer 200 if the server and its database work."""
    db.session.execute(text("SELECT 1"))
    response = jsonify(status="ok", build=ASSETS().build)
    response.headers["X-Fieldapp"] = INSTANCE_ID()()
    return response
