"""How large the body of a request may be, known from its head alone."""

from __future__ import annotations

from fieldapp.config import FORM_BYTES as FORM
from fieldapp.platform.sync.answers import BATCH_BYTES

KIB = 1024
MIB = 1024 * KIB
#: Signing in, out and changing the language: a few short fields.
SHORT = 16 * KIB
#: `attachments.max_megabytes` and `rescue.max_megabytes` cannot be set higher.
FILE = 100 * MIB
#: A body that is too large is still received and thrown away up to here: a client that is cut while it sends
#: sees a broken connection instead of the answer.
DISCARDED = 8 * MIB

_SHORT_PATHS = ("/login", "/logout", "/me/language")


def limit_of(method: str, path: str, content_type: str, uploads: int) -> int:
    """The most bytes that the body of this request may have; `uploads` is the limit for posts with files."""
    if path in _SHORT_PATHS:
        return SHORT
    if path.startswith("/sync/"):
        return FILE if method == "PATCH" else BATCH_BYTES
    return uploads if content_type.startswith("multipart/form-data") else FORM


__all__ = ["DISCARDED", "FILE", "FORM", "SHORT", "limit_of"]
