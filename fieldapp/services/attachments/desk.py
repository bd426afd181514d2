"""Files of ordinary form posts."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from flask_babel import gettext
from werkzeug.datastructures import FileStorage

from fieldapp.errors import Invalid
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import AttachmentNote, Command, writing
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.web import inputs
from fieldapp.platform.web.guards import actor
from fieldapp.services.attachments import store
from fieldapp.services.settings import value


def take_files(command: Command, op: str) -> list[AttachmentNote]:
    """Store the files of a form post and return their descriptions for its envelope.

    Ids are derived from the operation id and the bytes, so that a repeated post names the same files. Raise Invalid at
    `photos.<role>` for a file that is no picture or too large.
    """
    notes = []
    for slot in command.photos:
        for number, file in enumerate(inputs.uploads(slot.role, count=slot.most)):
            notes.append(_store_file(file, slot.role, f"{op}/{slot.role}/{number}"))
    return notes


def _store_file(file: FileStorage, role: str, seed: str) -> AttachmentNote:
    field_name = f"photos.{role}"
    max_megabytes = int(value("attachments.max_megabytes", clock.now()))
    temporary = store.partial_path(f"desk-{uuid.uuid4()}")
    try:
        file.save(temporary)
        size = temporary.stat().st_size
        if size > max_megabytes * 1024 * 1024:
            message = gettext("%(name)s is too large; at most %(limit)s MB.", name=file.filename, limit=max_megabytes)
            raise Invalid("attachment.too_large", "", {field_name: [message]})
        try:
            mime = store.check_image(temporary)
        except store.NotAnImage:
            message = gettext("%(name)s is not a picture we can read.", name=file.filename)
            raise Invalid("attachment.not_an_image", "", {field_name: [message]}) from None
        digest = store.digest_of(temporary)
        note = AttachmentNote(_id_for(seed, digest), str(file.filename), mime, size, digest, role)
        store.keep(temporary, digest)
    finally:
        temporary.unlink(missing_ok=True)
    with writing() as session:
        if session.get(Attachment, note.id) is None:
            session.add(_row(note))
    return note


def _id_for(seed: str, digest: str) -> str:
    raw = hashlib.sha256(f"{seed}/{digest}".encode()).digest()[:16]
    return str(uuid.UUID(bytes=raw, version=5))


def _row(note: AttachmentNote) -> Attachment:
    now = clock.now()
    note_fields: dict[str, Any] = {"name": note.name, "mime": note.mime, "role": note.role}
    return Attachment(
        id=note.id,
        user_id=actor().id,
        size=note.size,
        sha256=note.sha256,
        received=note.size,
        state="stored",
        created_at=now,
        stored_at=now,
        **note_fields,
    )
