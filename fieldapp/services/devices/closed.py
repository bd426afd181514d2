"""Records that arrived after their author's account was closed (failure mode 44)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, select

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Result, writing
from fieldapp.platform.commandbus.models import Notice, Receipt
from fieldapp.services.accounts import leaders_of, members_of, name_by
from fieldapp.services.devices.policy import sees_all
from fieldapp.services.devices.queries import told_enough


def tell_of_closed_accounts(author: Actor, results: Iterable[Result]) -> None:
    """Notify the leaders of an author whose account is closed that records of theirs just arrived.

    The receipts hold the mark itself; the notice only points to them.
    """
    if author.active:
        return
    new_records = sum(result.outcome in {"accepted", "held"} and not result.replayed for result in results)
    if new_records == 0:
        return
    params = {"n": new_records, "who": author.name}
    with writing() as session:
        for leader in sorted(set(leaders_of(*author.groups)) - {author.id}):
            if told_enough(session, "device.closed_account", leader, author.name):
                continue
            notice = Notice(user_id=leader, kind="device.closed_account", url="/phones/closed", params=params)
            notice.created_at = clock.now()
            session.add(notice)


def arrived_after(actor: Actor) -> Select[Any]:
    """Return the query for records that arrived after their author's account was closed.

    Narrowed to the authors this person is responsible for.
    """
    query: Any = select(
        Receipt.received_at,
        Receipt.op,
        Receipt.user_id,
        name_by(Receipt.user_id).label("name"),
        Receipt.kind,
        Receipt.dev,
        Receipt.seq,
        Receipt.outcome,
        Receipt.device_at,
    ).where(Receipt.author_inactive)
    return query if sees_all(actor) else query.where(Receipt.user_id.in_(members_of(actor.leads)))
