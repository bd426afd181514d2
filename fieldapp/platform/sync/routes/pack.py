"""`GET /sync/pack`."""

from __future__ import annotations

import hashlib

from flask import Response
from flask_babel import get_locale

from fieldapp.kernel import clock
from fieldapp.platform.sync.answers import json_response
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web import inputs
from fieldapp.platform.web.assets import ASSETS
from fieldapp.platform.web.extension_points import pack as pack_of
from fieldapp.platform.web.guards import actor, public


@bp.get("/pack")
@public
def pack() -> Response:
    """List the pages this person needs offline, each with an ETag that changes when the page would."""
    common = f"{ASSETS().mark}:{get_locale()}:{actor().id}:{clock.today()}"
    entries = [
        {"url": entry.url, "etag": hashlib.sha256(f"{common}:{entry.url}:{entry.version}".encode()).hexdigest()[:20]}
        for entry in pack_of(actor())
    ]
    generation = hashlib.sha256("".join(entry["etag"] for entry in entries).encode()).hexdigest()[:12]
    cached_urls = set(inputs.query_all("had", count=500))
    gone = sorted(cached_urls - {entry["url"] for entry in entries})
    return json_response({"gen": generation, "entries": [{**entry, "bytes": None} for entry in entries], "gone": gone})
