"""Pages that show files to people who may see the record."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, send_file
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.kernel import ids
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.platform.web import inputs
from fieldapp.platform.web.extension_points import can_view, detail_url
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render
from fieldapp.services.attachments import store
from fieldapp.services.attachments.queries import AGAIN, missing_page, origins_of

bp = Blueprint("attachments", __name__)


@bp.get("/attachments/<uuid:attachment_id>")
@needs("attachment.view")
def show(attachment_id: UUID) -> Response:
    """Send a copy of the picture, `?size=thumb` or the larger `view`; never the original bytes."""
    row = db.session.get(Attachment, str(attachment_id))
    if row is None or not _may_see(row):
        raise NotFound("attachment.not_found")
    if row.state != "stored":
        raise NotFound("attachment.not_here_yet", _unavailable_message(row.state))
    size = inputs.query_choice("size", ("thumb", "view"), "view")
    try:
        path = store.copy_of(row.sha256, size)
    except store.NotAnImage:
        raise NotFound("attachment.not_an_image", gettext("This file cannot be shown.")) from None
    response = send_file(path, mimetype="image/jpeg", etag=f"{row.sha256}-{size}", conditional=True)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Content-Disposition"] = f'inline; filename="{row.id}.jpg"'
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    response.headers["X-Fieldapp-User"] = str(actor().id)
    return response


@bp.get("/attachments/missing")
@needs("attachment.view")
def missing() -> Response:
    """List photos that never arrived or cannot be shown, by record, with time and phone (failure mode 63)."""
    page = missing_page(actor())
    commands = COMMANDS()
    records: dict[tuple[str, str], dict[str, Any]] = {}
    for row in page.rows:
        record = records.setdefault((row.agg_type, row.agg_id), {"row": row, "photos": []})
        record["photos"].append(row)
    origins = origins_of(key for key, record in records.items() if record["row"].kind == AGAIN)
    for (kind, record_id), record in records.items():
        row = record["row"]
        name, record["ref"], record["at"] = origins.get((kind, record_id), (row.kind, row.ref, row.device_at))
        record["words"] = commands[name].label if name in commands else name
        record["place"] = detail_url(kind, record_id, row.user_id == actor().id)
        record["phone"] = None if row.dev == ids.SERVER_DEVICE else ids.short_reference(row.dev, row.seq)
    return render("services/attachments/missing.html", page=page, records=list(records.values()))


@bp.route("/attachments/<uuid:attachment_id>/again", methods=["GET", "POST"])
@needs("attachment.add")
def again(attachment_id: UUID) -> Response:
    """Draw the form for a photo to replace a lost or unreadable one; the record keeps its number and text."""
    row = db.session.get(Attachment, str(attachment_id))
    if row is None or row.user_id != actor().id or not (row.agg_type and row.agg_id):
        raise NotFound("attachment.not_found")
    return form_page(
        FormPage(
            kind=AGAIN,
            agg=(row.agg_type, row.agg_id),
            title=_l("Take the photo again"),
            done="/attachments/missing",
            back="/attachments/missing",
            draft=f"attachment.add:{row.id}",
            initial={"missing": row.id},
            intro=_l("The record itself was received; only this photo is missing. Add one that shows the same."),
        )
    )


def _unavailable_message(state: str) -> str:
    if state == "refused":
        return gettext("This file cannot be shown.")
    return (
        gettext("This photo was lost.")
        if state in {"lost", "replaced"}
        else gettext("This photo is still on the phone.")
    )


def _may_see(row: Attachment) -> bool:
    if row.user_id == actor().id:
        return True
    if not (row.agg_type and row.agg_id):
        return False
    return can_view(actor(), row.agg_type, row.agg_id)
