"""Commands that decide about an expired held record: accept it without its dependency, or return it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict, NotFound
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import (
    UNDO,
    Context,
    DueData,
    Effect,
    Overtaken,
    Result,
    command,
    decide_held_record,
    refuse_waiting,
)
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.services.accounts import actor_of
from fieldapp.services.settings import value
from fieldapp.services.waiting.models import ExpiredRecord
from fieldapp.services.waiting.policy import Author, may_decide
from fieldapp.services.waiting.queries import authors
from fieldapp.services.waiting.schemas import Accept, Reject


@dataclass(frozen=True)
class Held:
    """Held record: label of its kind, and its author for the policy."""

    op: str
    title: str
    author: Author
    received_at: datetime
    expired: bool


def _load(ctx: Context, data: dict[str, Any]) -> Held:
    # Not locked: if the author is sending the record just now, that push goes first.
    query = (
        select(Receipt.kind, Receipt.user_id, Receipt.received_at, ExpiredRecord.op)
        .outerjoin(ExpiredRecord, ExpiredRecord.op == Receipt.op)
        .where(Receipt.op == ctx.id)
    )
    row = ctx.session.execute(query).one_or_none()
    if row is None:
        raise NotFound("waiting_record.not_found")
    command = COMMANDS().get(row.kind)
    title = str(command.label if command else row.kind)
    return Held(ctx.id, title, authors([row.user_id])[row.user_id], row.received_at, row.op is not None)


def _check_expired(ctx: Context, held: Held) -> None:
    """Raise Conflict while the dependency may still arrive; the inbox does not list the record yet either."""
    if not held.expired:
        days = int(value("waiting.days", held.received_at))
        message = gettext("This record has not waited for %(n)s days yet. What it refers to may still come.", n=days)
        raise Conflict("waiting_record.too_early", message)


def _may(actor: Actor, held: Held) -> bool:
    return may_decide(actor, held.author)


def _held(ctx: Context, data: dict[str, Any]) -> Receipt:
    row = ctx.find(Receipt, ctx.id)
    if row is None or row.outcome != "held":
        raise Overtaken
    return row


@command(
    "waiting_record.expire",
    label=_l("Ask a person about a record that waits"),
    schema=DueData,
    load=_held,
    may=lambda actor, record: actor.kind == "system",
)
def expire(ctx: Context, record: Receipt, data: dict[str, Any]) -> Effect:
    """Ask a person about a record whose dependency did not arrive in time."""
    ctx.session.add(ExpiredRecord(op=record.op, user_id=record.user_id, expired_at=ctx.now))
    return Effect(before={"outcome": "held"}, after={"outcome": "held", "expired": True})


@command(
    "waiting_record.accept",
    label=_l("Accept without what it refers to"),
    schema=Accept,
    load=_load,
    may=_may,
    undo=UNDO,
)
def accept(ctx: Context, held: Held, data: dict[str, Any]) -> Effect:
    """Decide the record as if its dependency had arrived, by its own rules and as its author."""
    _check_expired(ctx, held)
    ctx.notify(held.author.id, "waiting_record.accept", "/outbox", who=ctx.actor.name, title=held.title)
    result = decide_held_record(ctx, held.op, actor_of(held.author.id))
    after_state = {"outcome": result.outcome, "ref": result.ref}
    return Effect(result.ref, None, {"outcome": "held"}, after_state, _rejection_message(result))


def _rejection_message(result: Result) -> str | None:
    """Return the message if the record's own rules rejected it; then its author gets it back."""
    if result.outcome == "accepted":
        return None
    reasons = " ".join(reason for messages in result.problems.values() for reason in messages)
    return gettext("It could not be taken in and went back to its author: %(why)s", why=reasons)


@command("waiting_record.reject", label=_l("Send back to its author"), schema=Reject, load=_load, may=_may, undo=UNDO)
def reject(ctx: Context, held: Held, data: dict[str, Any]) -> Effect:
    """Return the record, filled in, to its author, with the reason."""
    _check_expired(ctx, held)
    who, reason = ctx.actor.name, data["reason"]
    message = gettext("What it waited for never came. %(who)s sent it back: %(reason)s", who=who, reason=reason)
    refuse_waiting(ctx, held.op, held.author.id, "waiting_record.rejected", message)
    ctx.notify(held.author.id, "waiting_record.reject", "/outbox", who=who, title=held.title, reason=reason)
    return Effect(None, None, {"outcome": "held"}, {"outcome": "rejected", "reason": reason})
