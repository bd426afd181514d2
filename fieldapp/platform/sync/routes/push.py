"""`/sync/push` and `/sync/receipts`."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext

from fieldapp.platform.commandbus import SYNC, execute, known_receipts
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.answers import BATCH_OPS, Refused, answer, read_json
from fieldapp.platform.sync.inputs import Push, read_receipts
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web.guards import actor, public
from fieldapp.services.accounts.session import here
from fieldapp.services.devices import tell_of_closed_accounts


@bp.post("/push")
@public
def push() -> Response:
    """Up to 50 frozen envelopes; one result each, after the commit. A token alone brings only own work."""
    said: Push = read_json(Push)
    if len(said.ops) > BATCH_OPS:
        raise Refused(413, "push.too_many", gettext("At most %(n)s records at once.", n=BATCH_OPS))
    author = actor()
    results = execute(said.ops, author, SYNC, signed_in=here() is not None)
    tell_of_closed_accounts(author, results)
    return answer({"results": [result.wire() for result in results]})


@bp.post("/receipts")
@public
def receipts() -> Response:
    """The known results of the caller's own records."""
    return answer({"results": [r.wire() for r in known_receipts(read_receipts(), actor(), db.session())]})
