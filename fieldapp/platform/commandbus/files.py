"""The files that a record names."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import select

from fieldapp.errors import Invalid
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.envelope import Envelope
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db


def free_files(envelope: Envelope, actor: Actor) -> dict[str, Attachment]:
    """Return the rows of the named files that are there already, locked, by id.

    A file belongs to the record that named it first: a second one could take it away from the first, and with it
    the evidence. Raises Invalid at `photos.<role>` for a file of another record, and for one named twice.
    """
    if not envelope.atts:
        return {}
    query = select(Attachment).where(Attachment.id.in_({note.id for note in envelope.atts}))
    rows = {row.id: row for row in db.session.scalars(query.order_by(Attachment.id).with_for_update())}
    problems: dict[str, list[Any]] = {}
    named: set[str] = set()
    for note in envelope.atts:
        row = rows.get(note.id)
        foreign = row is not None and (row.user_id, row.sha256, row.size) != (
            actor.id,
            note.sha256,
            note.size,
        )
        taken = row is not None and row.op not in {None, envelope.op}
        if foreign or taken or note.id in named:
            words = gettext("A photo of this record belongs to another one. Please take or choose it again.")
            problems[f"photos.{note.role}"] = [words]
        named.add(note.id)
    if problems:
        raise Invalid("attachment.taken", "", problems)
    return rows


def expect_files(envelope: Envelope, actor: Actor, rows: dict[str, Attachment], now: datetime) -> None:
    """Note the files that the record names; their bytes may come before or long after it."""
    for note in envelope.atts:
        row = rows.get(note.id)
        if row is None:
            row = Attachment(id=note.id, user_id=actor.id, size=note.size, sha256=note.sha256, created_at=now)
        # Added again also where a command has emptied the session meanwhile.
        db.session.add(row)
        row.op, row.role, row.name, row.mime = envelope.op, note.role, note.name, note.mime
        row.agg_type, row.agg_id = envelope.agg
