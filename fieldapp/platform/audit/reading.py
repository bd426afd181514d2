"""Read the contents of audit entries; the only code that joins their parts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from fieldapp.platform.audit.chain import PERSONAL
from fieldapp.platform.audit.models import AuditContent, AuditEntry
from fieldapp.platform.audit.personal import NOTHING, join


class Contents(NamedTuple):
    """The values of a record before and after an entry; without personal ones where those were `erased`."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None
    erased: bool


#: Entries read with one statement.
_PIECE = 500


def contents_of(session: Session | Connection, numbers: Collection[int]) -> dict[int, Contents]:
    """Return the contents of entries by their numbers; one statement for at most 500 of them."""
    wanted = sorted(numbers)
    found: dict[int, Contents] = {}
    for start in range(0, len(wanted), _PIECE):
        query = (
            select(AuditEntry.id, AuditEntry.personal_c, AuditContent.part, AuditContent.body)
            .join(AuditContent, AuditContent.entry_id == AuditEntry.id)
            .where(AuditEntry.id.in_(wanted[start : start + _PIECE]))
        )
        parts: dict[int, dict[str, Any]] = {}
        has_personal: dict[int, bool] = {}
        for number, personal_c, part, body in session.execute(query):
            parts.setdefault(number, {})[part] = msgspec.json.decode(body)
            has_personal[number] = personal_c is not None
        for number, one in parts.items():
            whole = join(one.get("facts", {}), one.get(PERSONAL, NOTHING))
            erased = has_personal[number] and PERSONAL not in one
            found[number] = Contents(whole.get("before"), whole.get("after"), erased)
    return found
