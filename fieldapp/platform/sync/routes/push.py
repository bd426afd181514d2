"""`POST /sync/push` and `POST /sync/receipts`."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext

from fieldapp.platform.commandbus import SYNC, execute, known_receipts
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.answers import BATCH_OPS, Refused, json_response, read_json
from fieldapp.platform.sync.inputs import Push, read_receipts
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web.guards import actor, public
from fieldapp.services.accounts.session import current_session
from fieldapp.services.devices import tell_of_closed_accounts


@bp.post("/push")
@public
def push() -> Response:
    """Execute up to 50 frozen envelopes; return one result each, after the commit.

    A token without a session may only send records of its own user.
    """
    body: Push = read_json(Push)
    if len(body.ops) > BATCH_OPS:
        raise Refused(413, "push.too_many", gettext("At most %(n)s records at once.", n=BATCH_OPS))
    author = actor()
    results = execute(body.ops, author, SYNC, signed_in=current_session() is not None)
    tell_of_closed_accounts(author, results)
    return json_response({"results": [result.wire() for result in results]})


@bp.post("/receipts")
@public
def receipts() -> Response:
    """Return the stored results of the caller's own records."""
    return json_response({"results": [r.wire() for r in known_receipts(read_receipts(), actor(), db.session())]})
