"""Uploaded rescue files, stored by hash from preview to import, and as evidence for some time."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from flask import current_app
from werkzeug.datastructures import FileStorage

from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.services.attachments import store
from fieldapp.services.settings import value


def _folder() -> Path:
    folder = Path(current_app.config["FILES"]) / "rescue"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep(file: FileStorage) -> str:
    """Store an upload and return its SHA-256; delete files older than `rescue.keep_days`."""
    _delete_old()
    temporary = _folder() / f"{uuid.uuid4()}.part"
    try:
        file.save(temporary)
        digest = store.digest_of(temporary)
        os.replace(temporary, _folder() / f"{digest}.zip")
    finally:
        temporary.unlink(missing_ok=True)
    return digest


def drop(digest: str) -> None:
    """Delete a file that was no rescue file."""
    (_folder() / f"{digest}.zip").unlink(missing_ok=True)


def path_of(digest: str) -> Path:
    """Return the path of an uploaded file. Raise NotFound."""
    path = _folder() / f"{digest}.zip"
    if len(digest) != 64 or not digest.isalnum() or not path.is_file():
        raise NotFound("rescue.not_found")
    return path


def _delete_old() -> None:
    oldest = time.time() - int(value("rescue.keep_days", clock.now())) * 86_400
    for path in _folder().iterdir():
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
