"""Verify the audit log: the chain, the commitments, and that only what an erasure names is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from fieldapp.platform.audit.chain import FACTS, HASHED, PERSONAL, START, Head, commitment, digest
from fieldapp.platform.audit.models import AuditContent, AuditEntry, AuditHead

#: Action of an entry that names the entries whose personal part was erased.
ERASE = "record.erase"
#: Record type of these entries; the id is that of the erasure.
ERASURE = "erasure"
_PIECE = 1000


def faults(session: Session, outside: Head | None = None) -> Iterator[str]:
    """Yield one sentence for each fault of the log.

    `outside` is a head that was kept outside of the database. Without one, entries cut off at the end together with
    the head, and a chain computed anew, cannot be seen.
    """
    walk = _Walk(session, outside)
    yield from walk.entries()
    yield from walk.end()


def broken(session: Session) -> Iterator[int]:
    """Yield the numbers of entries with a fault of the chain or of their contents."""
    walk = _Walk(session, None)
    seen: set[int] = set()
    for sentence in (*walk.entries(), *walk.end()):
        number = int(sentence.split()[2])
        if number not in seen:
            seen.add(number)
            yield number


def erasures(connection: Connection) -> set[str]:
    """Return the ids of the erasures that the log names."""
    return set(connection.scalars(select(AuditEntry.agg_id).where(AuditEntry.agg_type == ERASURE)))


class _Walk:
    """One pass over the log in pieces, in the order of the numbers."""

    def __init__(self, session: Session, outside: Head | None) -> None:
        self.session = session
        self.outside = outside
        self.previous, self.last = START, 0
        self.missing: set[int] = set()
        self.erased: set[int] = set()
        self.outside_hash: str | None = None

    def entries(self) -> Iterator[str]:
        """Yield the faults of entries and their contents."""
        read = 0
        while rows := self._piece(read):
            read = rows[-1].id
            parts = self._parts(rows[0].id, read)
            for row in rows:
                yield from self._entry(row, parts.get(row.id, {}))

    def _piece(self, after: int) -> Sequence[Any]:
        columns = [getattr(AuditEntry, name) for name in (*HASHED, "previous", "hash")]
        return self.session.execute(
            select(*columns).where(AuditEntry.id > after).order_by(AuditEntry.id).limit(_PIECE)
        ).all()

    def _parts(self, first: int, last: int) -> dict[int, dict[str, tuple[bytes, str]]]:
        columns = (AuditContent.entry_id, AuditContent.part, AuditContent.salt, AuditContent.body)
        found: dict[int, dict[str, tuple[bytes, str]]] = {}
        for number, part, salt, body in self.session.execute(
            select(*columns).where(AuditContent.entry_id.between(first, last))
        ):
            found.setdefault(number, {})[part] = (salt, body)
        return found

    def _entry(self, row: Any, parts: dict[str, tuple[bytes, str]]) -> Iterator[str]:
        # Numbers are hashed, too: where an entry is taken out, the next one does not follow.
        if row.previous != self.previous or row.hash != digest(self.previous, row._mapping):
            yield f"audit entry {row.id} does not follow from the one before"
        self.previous, self.last = row.hash, row.id
        if self.outside and row.id == self.outside.number:
            self.outside_hash = row.hash
        for part, expected in ((FACTS, row.facts_c), (PERSONAL, row.personal_c)):
            if part in parts and (expected is None or commitment(*parts[part]) != expected):
                yield f"audit entry {row.id} has other {part} than when it was written"
        if FACTS not in parts:
            yield f"audit entry {row.id} has lost its facts"
        if row.personal_c is not None and PERSONAL not in parts:
            self.missing.add(row.id)
        if row.action == ERASE and FACTS in parts:
            self._note_erasure(row.id, parts[FACTS][1])

    def _note_erasure(self, number: int, body: str) -> None:
        """Add the entries that an erasure names; it can only name entries before itself."""
        after = msgspec.json.decode(body).get("after") or {}
        self.erased.update(one for one in after.get("entries", ()) if one < number)

    def end(self) -> Iterator[str]:
        """Yield the faults that are known after the last entry."""
        for number in sorted(self.missing - self.erased):
            yield f"audit entry {number} has lost its personal part, and no erasure names it"
        for number in sorted(self.erased - self.missing):
            yield f"audit entry {number} is named by an erasure and still has its personal part"
        head = self.session.get(AuditHead, 1)
        if (head.last, head.hash) != (self.last, self.previous) if head else self.last:
            yield f"audit entry {head.last if head else self.last} is not the end that the head of the log names"
        if self.outside and self.outside.number and self.outside_hash != self.outside.hash:
            yield f"audit entry {self.outside.number} is not the one whose hash was kept outside"
