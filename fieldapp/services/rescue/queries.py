"""What of a rescue file is here already, and what became of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext
from sqlalchemy import Row, Select, select

from fieldapp.kernel import ids
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Attachment, AuditEntry, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import User
from fieldapp.services.rescue.archive import Record, Rescue

#: One database statement takes only so many ids.
MANY = 500


@dataclass
class Found:
    """What the ledger and the store know of the contents of a rescue file, in four questions."""

    people: dict[int, tuple[str, bool]] = field(default_factory=dict)
    receipts: dict[str, Row[Any]] = field(default_factory=dict)
    files: dict[str, Row[Any]] = field(default_factory=dict)

    def name(self, user_id: int) -> str:
        """Whose, by name where there is one."""
        return self.people[user_id][0] if user_id in self.people else f"#{user_id}"

    def is_closed(self, user_id: int) -> bool:
        """Whether the account of an author is closed: the work was done all the same (failure mode 44)."""
        return user_id in self.people and not self.people[user_id][1]


def found_of(rescue: Rescue) -> Found:
    """What is known of everything a file holds."""
    users = {record.envelope.user for record in rescue.records if record.envelope} | {rescue.manifest.user}
    return Found(people_of(users), receipts_of(_named(rescue)), files_of([one.note.id for one in rescue.photos]))


def _named(rescue: Rescue) -> list[str]:
    of_photos = [one.note.op for one in rescue.photos if one.note.op]
    return list(dict.fromkeys([record.op for record in rescue.records] + of_photos))


def people_of(user_ids: Iterable[int]) -> dict[int, tuple[str, bool]]:
    """`(name, active)` by user id."""
    wanted = [one for one in set(user_ids) if 0 < one < 2**31]
    rows = db.session.execute(select(User.id, User.name, User.active).where(User.id.in_(wanted)))
    return {one: (name, active) for one, name, active in rows}


def receipts_of(ops: Sequence[str]) -> dict[str, Row[Any]]:
    """`(op, user_id, outcome, ref, device_at, detail)` by op."""
    what = (Receipt.op, Receipt.user_id, Receipt.outcome, Receipt.ref, Receipt.device_at, Receipt.detail)
    return _by_key(select(*what), Receipt.op, ops)


def files_of(wanted: Sequence[str]) -> dict[str, Row[Any]]:
    """`(id, op, state)` of attachments by id."""
    return _by_key(select(Attachment.id, Attachment.op, Attachment.state), Attachment.id, wanted)


def _by_key(query: Any, key: Any, wanted: Sequence[str]) -> dict[str, Row[Any]]:
    # What is no id is in no table, and no database takes just any text.
    real = [one for one in wanted if ids.is_uuid(one)]
    return {row[0]: row for part in _parts(real) for row in db.session.execute(query.where(key.in_(part)))}


def _parts(wanted: Sequence[str]) -> Iterable[Sequence[str]]:
    return (wanted[start : start + MANY] for start in range(0, len(wanted), MANY))


def obstacle(record: Record, found: Found) -> str:
    """Why a record cannot be brought in, in words; empty where it can."""
    if record.envelope is None:
        return record.problem
    if record.envelope.user not in found.people:
        return gettext("Its author is not known here.")
    command = COMMANDS().get(record.envelope.kind)
    # Whoever uploads a file could otherwise decide in the name of another.
    if command is not None and not command.own_work:
        return gettext("A decision: its author must make it again, signed in.")
    known = found.receipts.get(record.op)
    if known and known.user_id != record.envelope.user:
        return gettext("This number was already used for another record.")
    return ""


def owners(rescue: Rescue, found: Found) -> dict[str, int]:
    """Whose each photo is, by its id: the author's of the record that names it, in the file or here already."""
    authors = {
        (record.op, note.id): record.envelope.user
        for record in rescue.records
        if record.envelope and not obstacle(record, found)
        for note in record.envelope.atts
    }
    inside = {record.op for record in rescue.records}
    mine: dict[str, int] = {}
    for photo in rescue.photos:
        op, one = photo.note.op or "", photo.note.id
        row, receipt = found.files.get(one), found.receipts.get(op)
        if (op, one) in authors:
            mine[one] = authors[op, one]
        elif op not in inside and receipt and row and row.op == op:
            mine[one] = receipt.user_id
    return mine


def imports() -> Select[Any]:
    """Return earlier imports, for a list."""
    return (
        select(AuditEntry.id, AuditEntry.agg_id, User.name.label("who"), AuditEntry.at, AuditEntry.after)
        .outerjoin(User, User.id == AuditEntry.user_id)
        .where(AuditEntry.agg_type == "rescue")
    )


def import_by(one: str) -> AuditEntry | None:
    """The line on the trail that an import left."""
    return db.session.scalar(select(AuditEntry).where(AuditEntry.agg_type == "rescue", AuditEntry.agg_id == one))
