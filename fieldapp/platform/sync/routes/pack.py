"""`/sync/pack`."""

from __future__ import annotations

import hashlib

from flask import Response
from flask_babel import get_locale

from fieldapp.kernel import clock
from fieldapp.platform.sync.answers import answer
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web import inputs
from fieldapp.platform.web.assets import ASSETS
from fieldapp.platform.web.extension_points import pack as pack_of
from fieldapp.platform.web.guards import actor, public


@bp.get("/pack")
@public
def pack() -> Response:
    """Addresses of the pages this person needs offline, each with a tag that changes when the page would."""
    common = f"{ASSETS().mark}:{get_locale()}:{actor().id}:{clock.today()}"
    entries = [
        {"url": entry.url, "etag": hashlib.sha256(f"{common}:{entry.url}:{entry.version}".encode()).hexdigest()[:20]}
        for entry in pack_of(actor())
    ]
    generation = hashlib.sha256("".join(entry["etag"] for entry in entries).encode()).hexdigest()[:12]
    had = set(inputs.query_all("had", count=500))
    gone = sorted(had - {entry["url"] for entry in entries})
    return answer({"gen": generation, "entries": [{**entry, "bytes": None} for entry in entries], "gone": gone})
