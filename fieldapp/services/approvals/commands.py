"""Reading messages."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import update

from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.web.fields import Form, counter
from fieldapp.platform.web.inputs import MOST_BIG
from fieldapp.services.approvals.notices import key_of


class Seen(Form):
    """Everything up to this notice has been read."""

    up_to = counter(MOST_BIG)


def _own(actor: Any, record: Any) -> bool:
    return True


@command("notice.dismiss", label=_l("Mark as read"), schema=Seen, may=_own, aggs=("notice", "inbox"), own_work=True)
def dismiss(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Mark the actor's own messages as read: up to the one given, or only that one where the envelope is about it.

    Phones of before sent `notice` with an id of their own; that still means all up to the one given.
    """
    up_to = data["up_to"]
    only = ctx.envelope.agg == ("notice", key_of(up_to))
    which = Notice.id == up_to if only else Notice.id <= up_to
    query = update(Notice).where(Notice.user_id == ctx.actor.id, which, Notice.read_at.is_(None))
    ctx.session.execute(query.values(read_at=ctx.now))
    return Effect()
