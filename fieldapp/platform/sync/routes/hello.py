"""`/sync/hello`."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from sqlalchemy import select

from fieldapp.kernel import clock
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.answers import answer, limits
from fieldapp.platform.sync.devices import Remembered, remember
from fieldapp.platform.sync.inputs import read_hello
from fieldapp.platform.sync.instance import instance
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web.guards import actor, public
from fieldapp.services.accounts.session import here
from fieldapp.services.accounts.tokens import presented


@bp.post("/hello")
@public
def hello() -> Response:
    """One call answers: is this our server, who am I, what is the clock offset, did this phone lose something."""
    said = read_hello()
    found = Remembered()
    if said.user == actor().id:
        found = remember(said, actor(), presented(request), here())
    return answer(
        {
            "instance": instance()["id"],
            "epoch": instance()["epoch"],
            "user": actor().id,
            "signed_in": here() is not None,
            "server_time": clock.iso(clock.now()),
            "limits": limits(),
            "schemas": {kind: [c.oldest, c.version] for kind, c in COMMANDS().items()},
            "missing_seqs": found.missing_seqs,
            "missing_refs": found.missing_refs,
            "leave_epoch": found.leave_epoch,
            "token": found.token,
            "attachments_wanted": _wanted(),
        }
    )


def _wanted() -> list[dict[str, Any]]:
    """Files that records named and that have not arrived in full, and where to go on."""
    query = (
        select(Attachment.id, Attachment.op, Attachment.received)
        .where(Attachment.user_id == actor().id, Attachment.state.in_(["expected", "partial"]))
        .where(Attachment.op.is_not(None))
        .order_by(Attachment.created_at)
        .limit(200)
    )
    return [{"id": one, "op": op, "offset": offset} for one, op, offset in db.session.execute(query)]
