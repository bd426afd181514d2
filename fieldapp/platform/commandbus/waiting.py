"""Held records, and records that supersede others (failure modes 4, 46, 52)."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import gettext
from sqlalchemy import func, or_, select, update

from fieldapp.errors import Conflict
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import ledger
from fieldapp.platform.commandbus.channels import CHANNELS
from fieldapp.platform.commandbus.command import Context
from fieldapp.platform.commandbus.envelope import Envelope, parse
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.commandbus.result import FINAL, Result
from fieldapp.platform.extensions import db


def missing(depends: Iterable[str], accepted: set[str]) -> list[str]:
    """Return the ids in `depends` that are neither accepted nor discarded; `accepted` are accepted in this batch."""
    wanted = list(depends)
    if not wanted:
        return []
    settled = set(accepted)
    open_ops = [op for op in wanted if op not in settled]
    if open_ops:
        rows = db.session.execute(select(Receipt.op, Receipt.superseded_by).where(Receipt.op.in_(open_ops))).all()
        stands_for = {successor or op: op for op, successor in rows}
        is_settled = or_(Receipt.outcome == "accepted", Receipt.discarded_at.is_not(None))
        query = select(Receipt.op).where(Receipt.op.in_(stands_for), is_settled)
        settled |= {stands_for[op] for op in db.session.scalars(query)}
        settled |= {op for op, successor in rows if successor in settled}
    return [op for op in wanted if op not in settled]


def supersede(envelope: Envelope, author: int) -> None:
    """Mark the refused record that `envelope` supersedes. Raise Conflict where that record was accepted."""
    if envelope.supersedes is None:
        return
    row = db.session.get(Receipt, envelope.supersedes, with_for_update=True)
    if row is None or row.user_id != author:
        return
    if row.outcome == "accepted":
        raise Conflict("record.already_received", gettext("The first version of this record was already received."))
    # Corrected more than once: every earlier version points to the latest, for records that depend on it.
    chain = update(Receipt).where(Receipt.superseded_by == row.op).values(superseded_by=envelope.op)
    db.session.execute(chain.execution_options(synchronize_session=False))
    row.superseded_by = envelope.op
    if row.outcome not in FINAL:
        row.outcome = "rejected"
    db.session.flush()


def decide_held_record(ctx: Context, op: str, author: Actor) -> Result:
    """Decide a held record as if the records it depends on were accepted, as its author (failure mode 47).

    Runs in the transaction of the calling command, with a receipt and an audit entry of its own.
    Raise Conflict if the record does not wait any more, or if the server could not decide it.
    """
    row = _still_waiting(ctx, op, author.id)
    envelope, result = parse(row.body, CHANNELS[row.channel].op_version), Result(op, row.sha256, "busy")
    batch = type(ctx.batch)(author, CHANNELS[row.channel], row.imported_by, use_savepoints=True)
    batch.connection = ctx.session.connection()
    _, batch.held, _ = ledger.load_receipts(batch.connection, set(), author.id)
    batch.accepted = set(envelope.depends)
    batch.process(envelope, row.body, result)
    if result.outcome not in FINAL:
        words = gettext("The server cannot take this record in now. It goes on waiting.")
        raise Conflict("waiting_record.not_now", words)
    ctx.batch.decided |= batch.decided
    ctx.batch.audit_entries += batch.audit_entries
    ctx.batch.principals |= batch.principals
    ctx.batch.scheduled += batch.scheduled
    ctx.batch.field_changes |= batch.field_changes
    return result


def refuse_waiting(ctx: Context, op: str, author_id: int, code: str, words: str) -> None:
    """Reject a held record; its author gets it back filled in, with `words`. Raise Conflict if it waits no more."""
    row = _still_waiting(ctx, op, author_id)
    refused = Result(op, row.sha256, "rejected", problems={"_": [words]}, code=code)
    row.outcome, row.detail = refused.outcome, refused.kept()


def _still_waiting(ctx: Context, op: str, author_id: int) -> Receipt:
    """Lock and return the receipt, after any push of this author that is under way: it may release the record."""
    if ctx.session.get_bind().dialect.name == "postgresql":
        ctx.session.execute(select(func.pg_advisory_xact_lock(ledger.lock_key(f"author:{author_id}"))))
    row = ctx.session.get_one(Receipt, op, with_for_update=True, populate_existing=True)
    if row.outcome != "held":
        raise Conflict("waiting_record.decided", gettext("This record does not wait any more."))
    return row
