"""`check`: does every receipt have its effect, every effect its receipt, every file its bytes (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from fieldapp.platform.commandbus import audit
from fieldapp.platform.commandbus.models import Attachment, AuditEntry, Receipt
from fieldapp.platform.extensions import CHECKS, db
from fieldapp.services.attachments import store


def faults() -> Iterator[str]:
    """One sentence for each thing that does not agree; none for a sound database."""
    yield from _receipts_and_effects()
    yield from (f"audit entry {number} does not follow from the one before" for number in audit.broken(db.session()))
    yield from _files()
    for check in CHECKS.all():
        yield from check()


def _receipts_and_effects() -> Iterator[str]:
    accepted = select(Receipt.op).where(Receipt.outcome == "accepted")
    traced = select(AuditEntry.op).where(AuditEntry.op.is_not(None))
    for op in db.session.scalars(accepted.except_(traced)):
        yield f"receipt {op} is accepted but has no effect"
    for traced_op in db.session.scalars(traced.except_(accepted)):
        yield f"effect of {traced_op} has no accepted receipt"


def _files() -> Iterator[str]:
    rows = db.session.execute(select(Attachment.id, Attachment.sha256).where(Attachment.state == "stored"))
    checked: dict[str, bool] = {}
    for one, digest in rows:
        if digest not in checked:
            path = store.path_of(digest)
            checked[digest] = path.exists() and store.digest_of(path) == digest
        if not checked[digest]:
            yield f"attachment {one} is missing or its bytes have changed"
