"""What tests ask of the audit log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from fieldapp.platform.audit import Contents, contents_of
from fieldapp.platform.audit.models import AuditContent, AuditEntry
from fieldapp.platform.commandbus import writing
from fieldapp.platform.extensions import db


def logged(*where: Any) -> list[Contents]:
    """The contents of the entries that meet the conditions, oldest first."""
    session = db.session()
    numbers = list(session.scalars(select(AuditEntry.id).where(*where).order_by(AuditEntry.id)))
    contents = contents_of(session, numbers)
    return [contents[number] for number in numbers]


def lose_contents() -> None:
    """Delete every content of the log, as if all of it had been erased."""
    with writing() as session:
        session.execute(delete(AuditContent))
