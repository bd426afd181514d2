"""Delete the personal parts of entries. Whoever calls it appends an entry that names them (checking.ERASE)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select

from fieldapp.platform.audit.chain import PERSONAL
from fieldapp.platform.audit.models import AuditContent, AuditEntry
from fieldapp.platform.audit.personal import NOTHING, decisions_for, split

#: Action of the entry about the renewal of an old chain; its personal part is a digest of older contents.
RENEW = "audit.renew"
_PIECE = 500


def erase_personal_parts(connection: Connection, records: Sequence[tuple[str, str]]) -> list[int]:
    """Delete the personal parts of all entries about these records; return the numbers of these entries.

    With an entry from before the renewal of the log goes the digest of the old log.
    """
    numbers: list[int] = []
    with_personal = select(AuditContent.entry_id).where(AuditContent.part == PERSONAL)
    for start in range(0, len(records), _PIECE):
        about = [
            and_(AuditEntry.agg_type == kind, AuditEntry.agg_id == record)
            for kind, record in records[start : start + _PIECE]
        ]
        numbers += connection.scalars(select(AuditEntry.id).where(or_(*about), AuditEntry.id.in_(with_personal)))
    if numbers:
        renewed = select(AuditEntry.id).where(
            AuditEntry.action == RENEW, AuditEntry.id > min(numbers), AuditEntry.id.in_(with_personal)
        )
        numbers += connection.scalars(renewed)
    numbers = sorted(set(numbers))
    for start in range(0, len(numbers), _PIECE):
        piece = numbers[start : start + _PIECE]
        connection.execute(delete(AuditContent).where(AuditContent.entry_id.in_(piece), AuditContent.part == PERSONAL))
    return numbers


def facts_of(data: Any, action: str, agg_type: str) -> Any:
    """Return the facts of a command's data."""
    facts, _ = split(data, decisions_for(action, agg_type))
    return {} if facts is NOTHING else facts
