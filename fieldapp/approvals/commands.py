"""Ticking off a notice."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import update

from fieldapp.commandbus import Context, Effect, command
from fieldapp.commandbus.models import Notice
from fieldapp.web.fields import Form, counter
from fieldapp.web.inputs import MOST_BIG


class Seen(Form):
    """Everything up to this notice has been read."""

    up_to = counter(MOST_BIG)


def _own(actor: Any, record: Any) -> bool:
    return True


@command("notice.dismiss", label=_l("Mark as read"), schema=Seen, may=_own, aggs=("notice", "inbox"), own_work=True)
def dismiss(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Ticks off the actor's own notices up to the one given."""
    query = update(Notice).where(Notice.user_id == ctx.actor.id, Notice.id <= data["up_to"], Notice.read_at.is_(None))
    ctx.session.execute(query.values(read_at=ctx.now))
    return Effect()
