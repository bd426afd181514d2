"""`/sync/pack`."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response
from flask_babel import gettext

from fieldapp.platform.extensions import db
from fieldapp.platform.sync.answers import Refused, json_response
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web import inputs
from fieldapp.platform.web.extension_points import pack as pack_of
from fieldapp.platform.web.guards import actor, public
from fieldapp.platform.web.render import draw_page

#: What a page answers that is not this person's, or not there, any more.
_GONE = frozenset({403, 404, 410})


@bp.get("/pack")
@public
def pack() -> Response:
    """Return the pages this person needs offline, each with the ETag and the length of the page as it is now."""
    urls = pack_of(actor())
    db.session.remove()
    entries = [entry for url in urls if (entry := _entry(url)) is not None]
    generation = hashlib.sha256(repr(entries).encode()).hexdigest()[:12]
    gone = sorted(set(inputs.query_all("had", count=500)) - {entry["url"] for entry in entries})
    return json_response({"gen": generation, "entries": entries, "gone": gone})


def _entry(url: str) -> dict[str, Any] | None:
    """Draw the page and return its entry; None where it is gone. Raise where it fails: the phone keeps its old pack."""
    page = draw_page(url)
    if page.status_code in _GONE:
        return None
    if page.status_code == 503:
        raise Refused(503, "server.busy", gettext("The server cannot store anything now. Nothing is lost."))
    etag = page.headers.get("ETag")
    if page.status_code != 200 or etag is None:
        raise RuntimeError(f"{url} is in the pack and answers {page.status_code}")
    return {"url": url, "etag": etag, "bytes": len(page.get_data())}
