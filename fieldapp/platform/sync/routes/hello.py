"""`POST /sync/hello`."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from sqlalchemy import select

from fieldapp.kernel import clock
from fieldapp.platform.commandbus import decide_dependents
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.answers import json_response, limits
from fieldapp.platform.sync.devices import HelloOutcome, record_hello
from fieldapp.platform.sync.inputs import read_hello
from fieldapp.platform.sync.instance import instance
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web.guards import actor, public
from fieldapp.services.accounts.session import current_session
from fieldapp.services.accounts.tokens import request_token


@bp.post("/hello")
@public
def hello() -> Response:
    """Return instance, user, server time, limits, missing records and wanted files. Store the phone's state."""
    body = read_hello()
    outcome = HelloOutcome()
    if body.user == actor().id:
        outcome = record_hello(body, actor(), request_token(request), current_session())
        if body.dropped:
            decide_dependents(actor())
    return json_response(
        {
            "instance": instance()["id"],
            "epoch": instance()["epoch"],
            "user": actor().id,
            "signed_in": current_session() is not None,
            "server_time": clock.iso(clock.now()),
            "limits": limits(),
            "schemas": {kind: [c.oldest, c.version] for kind, c in COMMANDS().items()},
            "missing_seqs": outcome.missing_seqs,
            "missing_refs": outcome.missing_refs,
            "leave_epoch": outcome.leave_epoch,
            "token": outcome.token,
            "attachments_wanted": _wanted_attachments(),
        }
    )


def _wanted_attachments() -> list[dict[str, Any]]:
    """Return files that records name and that are incomplete, with the offset to continue at."""
    query = (
        select(Attachment.id, Attachment.op, Attachment.received)
        .where(Attachment.user_id == actor().id, Attachment.state.in_(["expected", "partial"]))
        .where(Attachment.op.is_not(None))
        .order_by(Attachment.created_at)
        .limit(200)
    )
    return [{"id": id_, "op": op, "offset": offset} for id_, op, offset in db.session.execute(query)]
