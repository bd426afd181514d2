"""ETags of pages: the hash of what was drawn, without what is new each time (ADR 34)."""

from __future__ import annotations

import hashlib
import re

from flask import Response, g, request, session
from flask_login import current_user

from fieldapp.kernel import clock, ids
from fieldapp.platform.extensions import INSTANCE_ID
from fieldapp.platform.web import inputs, language
from fieldapp.platform.web.assets import ASSETS

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

#: Where templates write the page's own time.
_TIMES = ("data-rendered", 'name="_issued" value')


def new_id() -> str:
    """Return a new UUIDv7 for the page that is being drawn: an op id, or the id of a record to be made.

    The page's ETag leaves it out.
    """
    value = str(ids.uuid7())
    g.setdefault("new_ids", set()).add(value)
    return value


def rendered_at() -> str:
    """Return as of when the page is true, the time before its first query. The page's ETag leaves it out."""
    return clock.iso(g.get("asked_at") or clock.now())


def etag_of(text: str) -> str:
    """Return the hash of a page's text and of what decides who may keep it.

    A form posted without script changes the tag of every page of its browser: an old copy holds its used op id.
    """
    user = current_user._get_current_object()
    given = (
        ASSETS().build_id,
        INSTANCE_ID()(),
        language.code(),
        user.actor.id if user.is_authenticated else None,
        *inputs.htmx(),
        session.get("posted"),
        _without_new_values(text),
    )
    return hashlib.blake2b(repr(given).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _without_new_values(text: str) -> str:
    new_ids: set[str] = g.get("new_ids", set())
    at = rendered_at()
    for attribute in _TIMES:
        text = text.replace(f'{attribute}="{at}"', attribute)
    return _UUID.sub(lambda found: "" if found[0] in new_ids else found[0], text)


def make_conditional(response: Response) -> Response:
    """Give a page that a GET request was answered with its ETag; make it a 304 where the browser has it already."""
    if request.method in {"GET", "HEAD"} and response.status_code == 200:
        # Weak: the same page is sent compressed or not, and with other op ids in its forms.
        response.set_etag(etag_of(response.get_data(as_text=True)), weak=True)
        response.make_conditional(request)
    return response
