"""`notice.dismiss`: mark messages as read."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import update

from fieldapp.kernel.policies import anybody
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.web.fields import Form, counter
from fieldapp.platform.web.inputs import MOST_BIG
from fieldapp.services.approvals.notices import key_of


class Dismiss(Form):
    """The notice up to which everything has been read."""

    up_to = counter(MOST_BIG)


@command(
    "notice.dismiss", label=_l("Mark as read"), schema=Dismiss, may=anybody, aggs=("notice", "inbox"), own_work=True
)
def dismiss(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Mark the actor's messages as read: up to the given one, or only that one if the envelope names it.

    Earlier clients sent `notice` with an id of their own; that means all messages up to the given one.
    """
    up_to = data["up_to"]
    only = ctx.envelope.agg == ("notice", key_of(up_to))
    chosen = Notice.id == up_to if only else Notice.id <= up_to
    query = update(Notice).where(Notice.user_id == ctx.actor.id, chosen, Notice.read_at.is_(None))
    ctx.session.execute(query.values(read_at=ctx.now))
    return Effect()
