"""Import a rescue file: through the command bus, as its authors, with the importer in the audit log."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform import audit
from fieldapp.platform.commandbus import IMPORT, execute, writing
from fieldapp.platform.commandbus.models import Attachment, Notice
from fieldapp.platform.database import insert_ignoring
from fieldapp.services.accounts.queries import actor_of
from fieldapp.services.attachments import store
from fieldapp.services.rescue.archive import Photo, Record, Rescue, Unpacker, copy_out
from fieldapp.services.rescue.models import RescueImport
from fieldapp.services.rescue.queries import StoredContents, obstacle, owners, stored_contents

BATCH = 50


def import_rescue(archive: Unpacker, rescue: Rescue, digest: str, importer: Actor, number: str) -> None:
    """Import what can be imported. `number` is the id of this import.

    The row of the import and its audit entry are written first, so that an interrupted import can be seen and repeated.
    Everything after them may run twice: receipts and the file store detect repeats.
    """
    stored = stored_contents(rescue)
    obstacles = {record.op: obstacle(record, stored) for record in rescue.records}
    importable = [record for record in rescue.records if not obstacles[record.op]]
    photo_owners = owners(rescue, stored)
    if not _write_import(rescue, stored, obstacles, digest, importer, number):
        return
    outcomes = Counter("refused" for reason in obstacles.values() if reason)
    for author, bodies in _batches(importable):
        results = execute(bodies, actor_of(author), IMPORT, importer=importer.id)
        outcomes.update(result.outcome for result in results)
    for photo in rescue.photos:
        if photo.entry and photo.note.id in photo_owners:
            _store_photo(archive, photo, photo_owners[photo.note.id])
    with writing() as session:
        session.get_one(RescueImport, number).outcomes = dict(outcomes)


def _batches(records: Sequence[Record]) -> Iterator[tuple[int, list[str]]]:
    """Yield `(author, bodies)` in the order of the file, at most `BATCH` bodies of one author each."""
    authored = [(record.envelope.user, record.body) for record in records if record.envelope]
    for author, records_of_author in groupby(authored, key=itemgetter(0)):
        bodies = [body for _, body in records_of_author]
        for start in range(0, len(bodies), BATCH):
            yield author, bodies[start : start + BATCH]


def _write_import(
    rescue: Rescue, stored: StoredContents, obstacles: dict[str, str], digest: str, importer: Actor, number: str
) -> bool:
    """Write who imports what from which file, in the audit log, too (D-AUD-1); notify every author of new records.

    Return False where the form was posted twice: this import is stored already.
    """
    now = clock.now()
    after = {
        "file": digest,
        "made": rescue.manifest.made,
        "author": rescue.manifest.user,
        "device": rescue.manifest.dev,
        "records": [_record_summary(record, obstacles[record.op]) for record in rescue.records],
        "photos": [photo.note.id for photo in rescue.photos],
        "photos_not_in_file": sum(not photo.entry for photo in rescue.photos),
        "drafts": len(rescue.manifest.drafts),
        "closed_accounts": sorted(user for user in stored.people if stored.is_closed(user)),
    }
    entry = audit.Entry(action="rescue.import", agg=("rescue", number), actor_id=importer.id, at=now, after=after)
    new: dict[int, int] = {}
    for record in rescue.records:
        if record.envelope and not obstacles[record.op] and record.op not in stored.receipts:
            new[record.envelope.user] = new.get(record.envelope.user, 0) + 1
    row = {
        "id": number,
        "file": digest,
        "imported_by": importer.id,
        "at": now,
        "record_count": len(rescue.records),
        "contents": after,
    }
    with writing() as session:
        connection = session.connection()
        if connection.execute(insert_ignoring(connection, RescueImport.__table__), row).rowcount == 0:
            return False
        for user_id, count in new.items():
            if user_id != importer.id:
                params = {"who": importer.name, "n": count}
                session.add(Notice(user_id=user_id, kind="rescue.import", url="/outbox", params=params, created_at=now))
        audit.append(connection, [entry])
    return True


def _record_summary(record: Record, refused: str) -> dict[str, Any]:
    summary: dict[str, Any] = {"op": record.op, "ref": record.ref, "title": record.title, "refused": refused}
    if record.envelope:
        summary |= {"kind": record.envelope.kind, "user": record.envelope.user}
    return summary


def _store_photo(archive: Unpacker, photo: Photo, author: int) -> None:
    """Store the photo's bytes as an upload of its author; do nothing if they do not match size and hash."""
    note = photo.note
    temporary = store.partial_path(f"rescue-{uuid.uuid4()}")
    try:
        if copy_out(archive, photo.entry, temporary, note.size) != note.sha256:
            return
        with writing() as session:
            row = _pending_attachment(session, photo, author)
            if row is not None:
                row.received, row.stored_at = note.size, clock.now()
                try:
                    row.mime, row.state = store.check_image(temporary), "stored"
                except store.NotAnImage:
                    row.state = "refused"
                store.keep(temporary, note.sha256)
    finally:
        temporary.unlink(missing_ok=True)


def _pending_attachment(session: Session, photo: Photo, author: int) -> Attachment | None:
    """Return the row to fill with these bytes, or None if it is complete or describes another file."""
    note = photo.note
    row = session.get(Attachment, note.id, with_for_update=True)
    if row is None:
        # The record was rejected and inserted no row; keep the photo for its author anyway.
        row = Attachment(id=note.id, user_id=author, size=note.size, sha256=note.sha256, role=note.role[:40])
        row.name, row.mime, row.created_at = note.name[-255:], note.mime[:100], clock.now()
        session.add(row)
        return row
    matches = (row.user_id, row.sha256, row.size) == (author, note.sha256, note.size)
    return row if matches and row.state not in {"stored", "refused"} else None
