"""Who downloads a list is in the audit log before the first byte leaves (D-AUD-1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response
from flask_babel import get_locale

from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import Actor
from fieldapp.platform import audit
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db
from fieldapp.platform.web.lists.declared import ListDef
from fieldapp.platform.web.lists.filters import Filter


def maker(actor: Actor) -> str:
    """Return who makes a file, as the file says it."""
    return f"{actor.name} ({actor.username})"


def note_download(declared: ListDef, actor: Actor, form: str, chosen: Sequence[Filter], **more: Any) -> None:
    """Write one entry: the list, its format, filters and language, and `more` (how many rows, their sum)."""
    after = {
        "format": form,
        "query": {one.name: one.value() for one in chosen if one.value()},
        "language": str(get_locale()),
        **more,
    }
    with writing() as session:
        agg = (declared.name, str(ids.uuid7()))
        entry = audit.Entry(action=declared.export_verb, agg=agg, actor_id=actor.id, at=clock.now(), after=after)
        audit.append(session.connection(), [entry])


def add_audit_head(response: Response) -> None:
    """Name the head of the audit log beside the file: the same list made again is the same file, byte for byte."""
    response.headers["X-Audit-Head"] = str(audit.head(db.session.connection()))
