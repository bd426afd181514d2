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
    """The service worker, at the root so that it may control everything (failure mode 60).

    With FIELDAPP_SW_KILL=1 the one that unregisters itself and leaves every record alone (failure mode 61).
    """
    worker = ASSETS().worker
    name = "sw.js" if worker else "sw-kill.js"
    if not (FOLDER / name).exists():
        abort(404)
    response: Response
    if not worker:
        # Never the same bytes: a page that registers it while it goes would bring the same one back for good.
        response = Response(f"{(FOLDER / name).read_text()}\n// {uuid7()}\n", mimetype="text/javascript")
    else:
        response = send_from_directory(FOLDER, name, mimetype="text/javascript", max_age=0)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = "default-src 'none'; connect-src 'self'; script-src 'self'"
    return response


@bp.get("/manifest.webmanifest")
@public
def manifest() -> Response:
    """How the app sits on the home screen."""
    response = jsonify(web_manifest())
    response.mimetype = "application/manifest+json"
    return response


@bp.route("/share", methods=["GET", "POST"])
@public
def share() -> Response:
    """What another app shared and the service worker could not take in: said in words, nothing is kept.

    Usually the worker answers in place of this (static/src/sw.ts).
    """
    who = current_user.actor if current_user.is_authenticated else None
    return render("platform/offline/share.html", status=409 if request.method == "POST" else 200, may=bool(who))


@bp.get("/offline")
@public
def shell() -> Response:
    """What is shown for a page that is not on this phone. Names nobody: it is kept for every user."""
    return render("platform/offline/shell.html", actor=None, tabs=[])


@bp.get("/outbox")
@needs("outbox.view")
def outbox() -> Response:
    """What is still on this phone, which the phone fills in; what is in the person's other stores, and what is lost."""
    return render("platform/offline/outbox.html", elsewhere=elsewhere(actor(), this_phone()), losses=losses(actor()))


@bp.get("/add")
@needs("outbox.view")
def add() -> Response:
    """Everything this person can note down."""
    return render("platform/offline/add.html", tiles=TILES.open_to(actor()))


@bp.get("/healthz")
@public
def healthz() -> Response:
    """Whether the server and its database answer."""
    db.session.execute(text("SELECT 1"))
    response = jsonify(status="ok", build=ASSETS().build)
    response.headers["X-Fieldapp"] = INSTANCE_ID()()
    return response
