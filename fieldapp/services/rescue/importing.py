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
from fieldapp.platform.commandbus import IMPORT, audit, execute, writing
from fieldapp.platform.commandbus.models import Attachment, Notice
from fieldapp.platform.database import insert_ignoring
from fieldapp.services.accounts.queries import actor_of
from fieldapp.services.attachments import store
from fieldapp.services.rescue.archive import Photo, Record, Rescue, Unpacker, copy_out
from fieldapp.services.rescue.models import RescueImport
from fieldapp.services.rescue.queries import Found, found_of, obstacle, owners

BATCH = 50


def bring_in(archive: Unpacker, rescue: Rescue, digest: str, importer: Actor, number: str) -> None:
    """Import what can be imported; `number` is the id of this import.

    The row of the import and its audit entry come first: whatever fails after them, what is missing can be seen and
    imported again. Everything after them may be done twice: receipts and files know what is stored.
    """
    found = found_of(rescue)
    refused = {record.op: obstacle(record, found) for record in rescue.records}
    going = [record for record in rescue.records if not refused[record.op]]
    owner = owners(rescue, found)
    if not _note(rescue, found, refused, digest, importer, number):
        return
    outcomes = Counter("refused" for reason in refused.values() if reason)
    for author, bodies in _batches(going):
        results = execute(bodies, actor_of(author), IMPORT, importer=importer.id)
        outcomes.update(result.outcome for result in results)
    for photo in rescue.photos:
        if photo.entry and photo.note.id in owner:
            _keep(archive, photo, owner[photo.note.id])
    with writing() as session:
        session.get_one(RescueImport, number).outcomes = dict(outcomes)


def _batches(records: Sequence[Record]) -> Iterator[tuple[int, list[str]]]:
    """Bodies of one author at a time, in the order of the file."""
    authored = [(record.envelope.user, record.body) for record in records if record.envelope]
    for author, theirs in groupby(authored, key=itemgetter(0)):
        bodies = [body for _, body in theirs]
        for start in range(0, len(bodies), BATCH):
            yield author, bodies[start : start + BATCH]


def _note(rescue: Rescue, found: Found, refused: dict[str, str], digest: str, importer: Actor, number: str) -> bool:
    """Store who imports what from which file, in the audit log, too (D-AUD-1); notify every author of a new record.

    Return False where the form was posted twice: this import is stored already.
    """
    moment = clock.now()
    after = {
        "file": digest,
        "made": rescue.manifest.made,
        "author": rescue.manifest.user,
        "device": rescue.manifest.dev,
        "records": [_line(record, refused[record.op]) for record in rescue.records],
        "photos": [photo.note.id for photo in rescue.photos],
        "photos_not_in_file": sum(not photo.entry for photo in rescue.photos),
        "drafts": len(rescue.manifest.drafts),
        "closed_accounts": sorted(one for one in found.people if found.is_closed(one)),
    }
    entry: dict[str, Any] = {
        "op": None,
        "action": "rescue.import",
        "agg_type": "rescue",
        "agg_id": number,
        "user_id": importer.id,
        "dev": None,
        "device_at": None,
        "at": moment,
        "before": None,
        "after": after,
    }
    new: dict[int, int] = {}
    for record in rescue.records:
        if record.envelope and not refused[record.op] and record.op not in found.receipts:
            new[record.envelope.user] = new.get(record.envelope.user, 0) + 1
    row = {
        "id": number,
        "file": digest,
        "imported_by": importer.id,
        "at": moment,
        "record_count": len(rescue.records),
        "contents": after,
    }
    with writing() as session:
        connection = session.connection()
        if connection.execute(insert_ignoring(connection, RescueImport.__table__), row).rowcount == 0:
            return False
        for user_id, count in new.items():
            if user_id != importer.id:
                words = {"who": importer.name, "n": count}
                session.add(
                    Notice(user_id=user_id, kind="rescue.import", url="/outbox", params=words, created_at=moment)
                )
        audit.append(connection, [entry])
    return True


def _line(record: Record, refused: str) -> dict[str, Any]:
    line: dict[str, Any] = {"op": record.op, "ref": record.ref, "title": record.title, "refused": refused}
    if record.envelope:
        line |= {"kind": record.envelope.kind, "user": record.envelope.user}
    return line


def _keep(archive: Unpacker, photo: Photo, author: int) -> None:
    """The photo's bytes under their hash, like an upload of the author's; nothing where they do not agree with it."""
    note = photo.note
    temporary = store.partial_path(f"rescue-{uuid.uuid4()}")
    try:
        if copy_out(archive, photo.entry, temporary, note.size) != note.sha256:
            return
        with writing() as session:
            row = _wanted(session, photo, author)
            if row is not None:
                row.received, row.stored_at = note.size, clock.now()
                try:
                    row.mime, row.state = store.check_image(temporary), "stored"
                except store.NotAnImage:
                    row.state = "refused"
                store.keep(temporary, note.sha256)
    finally:
        temporary.unlink(missing_ok=True)


def _wanted(session: Session, photo: Photo, author: int) -> Attachment | None:
    """The row that waits for these bytes; None where they are here already or are not what was named."""
    note = photo.note
    row = session.get(Attachment, note.id, with_for_update=True)
    if row is None:
        # Its record was refused: kept for its author all the same.
        row = Attachment(id=note.id, user_id=author, size=note.size, sha256=note.sha256, role=note.role[:40])
        row.name, row.mime, row.created_at = note.name[-255:], note.mime[:100], clock.now()
        session.add(row)
        return row
    named = (row.user_id, row.sha256, row.size) == (author, note.sha256, note.size)
    return row if named and row.state not in {"stored", "refused"} else None
