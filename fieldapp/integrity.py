"""Checks of `flask check`: every receipt has its effect and vice versa, every file its bytes (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from fieldapp.platform import audit
from fieldapp.platform.audit import AuditEntry, Head
from fieldapp.platform.commandbus.models import Attachment, Receipt
from fieldapp.platform.extensions import CHECKS, db
from fieldapp.services.attachments import store


def faults(outside: Head | None = None) -> Iterator[str]:
    """Yield one sentence for each inconsistency; nothing for a consistent database.

    `outside` is a head of the audit log that was kept outside of the database.
    """
    yield from _receipts_and_effects()
    yield from audit.faults(db.session(), outside)
    yield from _files()
    for check in CHECKS.all():
        yield from check()


def _receipts_and_effects() -> Iterator[str]:
    accepted = select(Receipt.op).where(Receipt.outcome == "accepted")
    audited = select(AuditEntry.op).where(AuditEntry.op.is_not(None))
    for op in db.session.scalars(accepted.except_(audited)):
        yield f"receipt {op} is accepted but has no effect"
    for audited_op in db.session.scalars(audited.except_(accepted)):
        yield f"effect of {audited_op} has no accepted receipt"


def _files() -> Iterator[str]:
    rows = db.session.execute(select(Attachment.id, Attachment.sha256).where(Attachment.state == "stored"))
    intact: dict[str, bool] = {}
    for attachment_id, digest in rows:
        if digest not in intact:
            path = store.path_of(digest)
            intact[digest] = path.exists() and store.digest_of(path) == digest
        if not intact[digest]:
            yield f"attachment {attachment_id} is missing or its bytes have changed"
