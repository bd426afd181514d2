"""Taking a file in, piece by piece: one writer at a time, never fewer bytes than were confirmed (failure mode 62)."""

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

#: All bytes are here and were judged.
SETTLED = frozenset({"stored", "refused"})


class Locked(Exception):
    """Another request is appending to this file just now."""


class WrongOffset(Exception):
    """The piece does not begin where the file ends, or would make it longer than announced."""


class Damaged(Exception):
    """The whole does not agree with the announced hash; the upload begins anew."""


@dataclass(frozen=True)
class _Whole:
    """What a complete file turned out to be."""

    digest: str
    state: str
    mime: str | None


def append(attachment_id: str, offset: int, piece: bytes) -> None:
    """Adds a piece, durably, before it is confirmed; the last one decides whether the file is stored or refused.

    Raises Locked, WrongOffset, Damaged or NotFound.
    """
    with _only_writer(attachment_id) as file:
        # What the request read before it had the lock may be old by now.
        db.session.rollback()
        row = db.session.get(Attachment, attachment_id)
        if row is None:
            raise NotFound("attachment.not_found")
        if row.state in SETTLED:
            _forget_empty(attachment_id, file)
            if offset == row.size and not piece:
                return
            raise WrongOffset
        here = _agree(row, file)
        if here is None:
            return
        if offset != here or here + len(piece) > row.size:
            raise WrongOffset
        file.write(piece)
        file.flush()
        os.fsync(file.fileno())
        point("upload-written")
        _confirm(row, here + len(piece))


def settle_empty(row: Attachment) -> None:
    """A file of no bytes is complete when it is announced, and is no picture."""
    row.state, row.stored_at = "refused", clock.now()


def recognise(row: Attachment) -> None:
    """The same photo is stored once: bytes this person sent before need not travel again.

    Only their own: else the hash of a stranger's photo would be enough to be shown it.
    """
    if row.state in SETTLED or not row.sha256:
        return
    same = select(Attachment.state, Attachment.mime).where(
        Attachment.sha256 == row.sha256, Attachment.user_id == row.user_id, Attachment.state.in_(SETTLED)
    )
    twin = db.session.execute(same.limit(1)).first()
    if twin is not None and store.path_of(row.sha256).exists():
        row.state, row.mime = twin
        row.received, row.stored_at = row.size, clock.now()


@contextmanager
def _only_writer(attachment_id: str) -> Iterator[BinaryIO]:
    """The partial file, locked. The lock is the open file's: it holds between threads and dies with its holder."""
    path = store.partial_path(attachment_id)
    with path.open("ab") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked from None
        # Whoever had the lock before may have moved the whole file to its place: that one is evidence now.
        if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            raise Locked
        yield file


def _forget_empty(attachment_id: str, file: BinaryIO) -> None:
    """Opening made the file anew; what is settled needs none."""
    if os.fstat(file.fileno()).st_size == 0:
        store.partial_path(attachment_id).unlink(missing_ok=True)


def _agree(row: Attachment, file: BinaryIO) -> int | None:
    """Makes file and row agree after a crash between them; the length to go on from, or None where all is here."""
    here = os.fstat(file.fileno()).st_size
    if here > row.received:
        # Written but never confirmed: the server died in between.
        os.ftruncate(file.fileno(), row.received)
        return row.received
    if here < row.received:
        if here == 0 and row.sha256 and store.path_of(row.sha256).exists():
            # Moved to its place, but the row was never told.
            _confirm(row, row.size, store.path_of(row.sha256))
            return None
        with writing() as session:
            session.get_one(Attachment, row.id, with_for_update=True).received = here
        raise WrongOffset
    return here


def _confirm(row: Attachment, received: int, kept: Path | None = None) -> None:
    """Notes how much is here. What is whole is judged before the row is locked: that takes a while."""
    path = store.partial_path(row.id)
    whole = _judge(row.sha256, kept or path) if received == row.size else None
    damaged = received == row.size and whole is None
    if damaged:
        os.truncate(path, 0)
    elif whole and kept is None:
        store.keep(path, whole.digest)
    with writing() as session:
        fresh = session.get_one(Attachment, row.id, with_for_update=True)
        if fresh.state not in SETTLED:
            fresh.received, fresh.state = 0 if damaged else received, "partial"
        if whole:
            fresh.state, fresh.mime, fresh.sha256 = whole.state, whole.mime or fresh.mime, whole.digest
            fresh.stored_at = clock.now()
        session.flush()
        point("upload-before-commit")
    point("upload-after-commit")
    if damaged:
        raise Damaged


def _judge(announced: str, path: Path) -> _Whole | None:
    """None where the hash does not agree. What is no picture is kept as evidence and never shown."""
    digest = store.digest_of(path)
    if announced and digest != announced:
        return None
    try:
        return _Whole(digest, "stored", store.check_image(path))
    except store.NotAnImage:
        return _Whole(digest, "refused", None)
