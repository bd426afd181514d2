"""Command that adds a photo in place of one that never arrived or cannot be shown (failure modes 63, 64)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.kernel.policies import author_only
from fieldapp.platform.commandbus import Context, Effect, Photos, command
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.web.fields import Form, Id
from fieldapp.services.attachments.queries import AGAIN


class Again(Form):
    """The photo that the new one replaces."""

    missing = Id(required=True)


def _load(ctx: Context, data: dict[str, Any]) -> Attachment:
    row = ctx.find(Attachment, data["missing"])
    if row is None or [row.agg_type, row.agg_id] != list(ctx.envelope.agg):
        raise NotFound("attachment.not_found")
    return row


@command(
    AGAIN,
    label=_l("Photo taken again"),
    schema=Again,
    load=_load,
    may=author_only("user_id"),
    photos=(Photos("photo", _l("Photo"), most=1, least=1),),
    # Any record that names files; _load compares it with the file's own.
    aggs=(),
    own_work=True,
)
def add(ctx: Context, row: Attachment, data: dict[str, Any]) -> Effect:
    """Add a new photo to the record. Accepted even if the old photo arrived meanwhile: then both stay."""
    state_before = row.state
    if row.state != "stored":
        row.state = "replaced"
    after = {"missing": row.id, "state": row.state, "photo": ctx.envelope.atts[0].id}
    return Effect(before={"missing": row.id, "state": state_before}, after=after)
