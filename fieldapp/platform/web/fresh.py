"""Pages that did not change are not made again: the browser is told to show the one it has (304)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from flask import Response, g, request, session
from flask_login import current_user

from fieldapp.kernel import clock
from fieldapp.platform.extensions import INSTANCE_ID
from fieldapp.platform.web import inputs, language
from fieldapp.platform.web.assets import ASSETS, Assets
from fieldapp.platform.web.known import NOTE, Note

VARY = "HX-Request, Cookie, Accept-Language"


def unchanged(*more: Any) -> Response | None:
    """A bare 304 where the browser has this very page; else None, and the page that follows gets its tag.

    The tag stands for everything the page is made from: the build, the language, the person with all roles and
    groups, the address, the day, and the end of the audit trail, since nothing that pages show changes without an
    entry there; person and trail were read in one query when the person was signed in. `more` is what changes beside
    it: bytes of photos, or the minute where the page says how long ago something was. A form that this browser
    posted makes all its pages new, so that no number is used twice.
    """
    assets: Assets = ASSETS()
    # As read when the person was signed in to this request, before anything else was.
    person, today = current_user._get_current_object(), clock.today()
    seen = (person.actor.id, person.seen)
    made_from = (
        assets.mark,
        INSTANCE_ID()(),
        language.code(),
        seen,
        request.full_path,
        *inputs.htmx(),
        today,
        session.get("posted"),
        more,
    )
    tag = hashlib.blake2b(repr(made_from).encode(), digest_size=12).hexdigest()
    timed = f"{tag}-{clock.now():%H%M}"
    same = next((one for one in (tag, timed) if request.if_none_match.contains_weak(one)), None)
    if not more:
        # Known to the process from now on; what changes beside the trail is only known in here.
        request.environ[NOTE] = Note(person.key, person.seen, today, timed[-4:] if same == timed else None)
    if same is None:
        g.page_tags = (tag, timed)
        return None
    response = Response(status=304)
    response.set_etag(same, weak=True)
    response.headers["Vary"] = VARY
    return response


def tells_ago() -> None:
    """Said by whatever on a page counts from now."""
    g.tells_ago = True


def tagged(response: Response) -> Response:
    """Gives a page the tag under which it was asked for."""
    if "page_tags" in g and response.status_code == 200:
        plain, timed = g.page_tags
        # Weak: the same page is sent compressed or not, and with other op ids in its forms.
        response.set_etag(timed if g.get("tells_ago") else plain, weak=True)
        note: Note | None = request.environ.get(NOTE)
        if note is not None and g.get("tells_ago"):
            request.environ[NOTE] = replace(note, minute=timed[-4:])
    return response
