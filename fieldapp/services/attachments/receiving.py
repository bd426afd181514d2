"""Chunked uploads: one writer per file, and never fewer bytes than were confirmed (failure mode 62)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.faults import point
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.services.attachments import store

#: States of complete files.
SETTLED = frozenset({"stored", "refused"})


class Locked(Exception):
    """Another request is appending to this file."""


class WrongOffset(Exception):
    """The chunk does not begin at the end of the file, or exceeds the announced size."""


class Damaged(Exception):
    """The complete file does not match the announced hash; the upload restarts."""


@dataclass(frozen=True)
class _CompleteFile:
    """Result of checking a complete file."""

    digest: str
    state: str
    mime: str | None


def append(attachment_id: str, offset: int, chunk: bytes) -> None:
    """Append a chunk and sync it to disk before confirming it; the last chunk decides stored or refused.

    Raise Locked, WrongOffset, Damaged or NotFound.
    """
    with _locked_file(attachment_id) as file:
        # Rows read before the lock was taken may be outdated.
        db.session.rollback()
        row = db.session.get(Attachment, attachment_id)
        if row is None:
            raise NotFound("attachment.not_found")
        if row.state in SETTLED:
            _delete_if_empty(attachment_id, file)
            if offset == row.size and not chunk:
                return
            raise WrongOffset
        size = _reconcile(row, file)
        if size is None:
            return
        if offset != size or size + len(chunk) > row.size:
            raise WrongOffset
        file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        point("upload-written")
        _confirm_received(row, size + len(chunk))


def settle_empty(row: Attachment) -> None:
    """Set the state of a file of 0 bytes: it is complete when announced, and is no picture."""
    row.state, row.stored_at = "refused", clock.now()


def recognise(row: Attachment) -> None:
    """Mark a file as complete if the same person already sent the same bytes.

    Only the person's own files count: otherwise the hash of somebody else's photo would give access to it.
    """
    if row.state in SETTLED or not row.sha256:
        return
    query = select(Attachment.state, Attachment.mime).where(
        Attachment.sha256 == row.sha256, Attachment.user_id == row.user_id, Attachment.state.in_(SETTLED)
    )
    duplicate = db.session.execute(query.limit(1)).first()
    if duplicate is not None and store.path_of(row.sha256).exists():
        row.state, row.mime = duplicate
        row.received, row.stored_at = row.size, clock.now()


@contextmanager
def _locked_file(attachment_id: str) -> Iterator[BinaryIO]:
    """Open the partial file with an exclusive lock, or raise Locked.

    The lock belongs to the open file: it works between threads and ends with the process.
    """
    path = store.partial_path(attachment_id)
    with path.open("ab") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked from None
        # The previous holder of the lock may have moved the complete file into the store, where it must not change.
        if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            raise Locked
        yield file


def _delete_if_empty(attachment_id: str, file: BinaryIO) -> None:
    """Delete the partial file if opening created it."""
    if os.fstat(file.fileno()).st_size == 0:
        store.partial_path(attachment_id).unlink(missing_ok=True)


def _reconcile(row: Attachment, file: BinaryIO) -> int | None:
    """Make file and row agree after a crash. Return the length to continue at, or None if the file is complete."""
    size = os.fstat(file.fileno()).st_size
    if size > row.received:
        # Written but not confirmed: the server was killed in between.
        os.ftruncate(file.fileno(), row.received)
        return row.received
    if size < row.received:
        if size == 0 and row.sha256 and store.path_of(row.sha256).exists():
            # Moved into the store, but the row was not updated.
            _confirm_received(row, row.size, store.path_of(row.sha256))
            return None
        with writing() as session:
            session.get_one(Attachment, row.id, with_for_update=True).received = size
        raise WrongOffset
    return size


def _confirm_received(row: Attachment, received: int, stored_path: Path | None = None) -> None:
    """Store the number of bytes received. A complete file is checked before its row is locked: it takes long."""
    path = store.partial_path(row.id)
    complete = _check_complete(row.sha256, stored_path or path) if received == row.size else None
    damaged = received == row.size and complete is None
    if damaged:
        os.truncate(path, 0)
    elif complete and stored_path is None:
        store.keep(path, complete.digest)
    with writing() as session:
        locked_row = session.get_one(Attachment, row.id, with_for_update=True)
        if locked_row.state not in SETTLED:
            locked_row.received, locked_row.state = 0 if damaged else received, "partial"
        if complete:
            locked_row.state, locked_row.mime, locked_row.sha256 = (
                complete.state,
                complete.mime or locked_row.mime,
                complete.digest,
            )
            locked_row.stored_at = clock.now()
        session.flush()
        point("upload-before-commit")
    point("upload-after-commit")
    if damaged:
        raise Damaged


def _check_complete(announced: str, path: Path) -> _CompleteFile | None:
    """Return hash, state and type of a complete file, or None if the hash differs.

    A file that is no picture is stored as evidence and never shown.
    """
    digest = store.digest_of(path)
    if announced and digest != announced:
        return None
    try:
        return _CompleteFile(digest, "stored", store.check_image(path))
    except store.NotAnImage:
        return _CompleteFile(digest, "refused", None)
