"""Queries for the contents of a rescue file: what is stored already, and what became of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext
from sqlalchemy import Row, Select, select

from fieldapp.kernel import ids
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.commandbus.models import Attachment, Receipt
from fieldapp.platform.extensions import db
from fieldapp.services.accounts.models import User
from fieldapp.services.rescue.archive import Record, Rescue
from fieldapp.services.rescue.models import RescueImport

#: Largest number of ids in one statement.
MAX_IDS = 500


@dataclass
class StoredContents:
    """Rows in the database about the contents of a rescue file: authors, receipts, attachments."""

    people: dict[int, tuple[str, bool]] = field(default_factory=dict)
    receipts: dict[str, Row[Any]] = field(default_factory=dict)
    files: dict[str, Row[Any]] = field(default_factory=dict)

    def name(self, user_id: int) -> str:
        """Return the author's name, or `#<id>` if unknown."""
        return self.people[user_id][0] if user_id in self.people else f"#{user_id}"

    def is_closed(self, user_id: int) -> bool:
        """Return whether the author's account is closed; the records are still accepted (failure mode 44)."""
        return user_id in self.people and not self.people[user_id][1]


def stored_contents(rescue: Rescue) -> StoredContents:
    """Return what the database knows of the contents of a file."""
    users = {record.envelope.user for record in rescue.records if record.envelope} | {rescue.manifest.user}
    return StoredContents(
        people_of(users), receipts_of(_ops_of(rescue)), files_of([photo.note.id for photo in rescue.photos])
    )


def _ops_of(rescue: Rescue) -> list[str]:
    of_photos = [photo.note.op for photo in rescue.photos if photo.note.op]
    return list(dict.fromkeys([record.op for record in rescue.records] + of_photos))


def people_of(user_ids: Iterable[int]) -> dict[int, tuple[str, bool]]:
    """Return `(name, active)` by user id."""
    valid_ids = [user_id for user_id in set(user_ids) if 0 < user_id < 2**31]
    rows = db.session.execute(select(User.id, User.name, User.active).where(User.id.in_(valid_ids)))
    return {user_id: (name, active) for user_id, name, active in rows}


def receipts_of(ops: Sequence[str]) -> dict[str, Row[Any]]:
    """Return `(op, user_id, outcome, ref, device_at, detail)` by operation id."""
    columns = (Receipt.op, Receipt.user_id, Receipt.outcome, Receipt.ref, Receipt.device_at, Receipt.detail)
    return _by_key(select(*columns), Receipt.op, ops)


def files_of(attachment_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Return `(id, op, state)` of attachments by id."""
    return _by_key(select(Attachment.id, Attachment.op, Attachment.state), Attachment.id, attachment_ids)


def _by_key(query: Any, key: Any, keys: Sequence[str]) -> dict[str, Row[Any]]:
    # Malformed ids are in no table, and PostgreSQL rejects some texts, such as those with NUL.
    valid_ids = [value for value in keys if ids.is_uuid(value)]
    return {row[0]: row for part in _batches(valid_ids) for row in db.session.execute(query.where(key.in_(part)))}


def _batches(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + MAX_IDS] for start in range(0, len(keys), MAX_IDS))


def obstacle(record: Record, stored: StoredContents) -> str:
    """Return the message why a record cannot be imported; empty if it can."""
    if record.envelope is None:
        return record.problem
    if record.envelope.user not in stored.people:
        return gettext("Its author is not known here.")
    command = COMMANDS().get(record.envelope.kind)
    # Otherwise the uploader could decide in somebody else's name.
    if command is not None and not command.own_work:
        return gettext("A decision: its author must make it again, signed in.")
    receipt = stored.receipts.get(record.op)
    if receipt and receipt.user_id != record.envelope.user:
        return gettext("This number was already used for another record.")
    return ""


def owners(rescue: Rescue, stored: StoredContents) -> dict[str, int]:
    """Return the owner of each photo by photo id: the author of the record, in the file or stored, that names it."""
    authors = {
        (record.op, note.id): record.envelope.user
        for record in rescue.records
        if record.envelope and not obstacle(record, stored)
        for note in record.envelope.atts
    }
    ops_in_file = {record.op for record in rescue.records}
    owner_of: dict[str, int] = {}
    for photo in rescue.photos:
        op, photo_id = photo.note.op or "", photo.note.id
        row, receipt = stored.files.get(photo_id), stored.receipts.get(op)
        if (op, photo_id) in authors:
            owner_of[photo_id] = authors[op, photo_id]
        elif op not in ops_in_file and receipt and row and row.op == op:
            owner_of[photo_id] = receipt.user_id
    return owner_of


def imports() -> Select[Any]:
    """Return the query for earlier imports: when, id, who, number of records, outcomes."""
    columns = (RescueImport.at, RescueImport.id, RescueImport.record_count, RescueImport.outcomes)
    query: Any = select(*columns, User.name.label("who"))
    return query.join(User, User.id == RescueImport.imported_by)


def import_by(import_id: str) -> RescueImport | None:
    """Return one import, or None."""
    return db.session.get(RescueImport, import_id)
