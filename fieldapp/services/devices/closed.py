"""Work of people whose account was closed before it arrived (failure mode 44)."""

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
    """A line for the leaders of somebody whose account is closed and whose records came in just now.

    The mark itself stands in the ledger, written with the record; this line only says that it is there.
    """
    if author.active:
        return
    fresh = sum(result.outcome in {"accepted", "held"} and not result.replayed for result in results)
    if fresh == 0:
        return
    params = {"n": fresh, "who": author.name}
    with writing() as session:
        for leader in sorted(set(leaders_of(*author.groups)) - {author.id}):
            if told_enough(session, "device.closed_account", leader, author.name):
                continue
            line = Notice(user_id=leader, kind="device.closed_account", url="/phones/closed", params=params)
            line.created_at = clock.now()
            session.add(line)


def arrived_after(actor: Actor) -> Select[Any]:
    """Records that arrived when their author's account was closed, as far as the person answers for the author."""
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
