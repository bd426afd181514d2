"""Size limits of request bodies, determined by the request head alone."""

from __future__ import annotations

from fieldapp.config import FORM_BYTES as FORM
from fieldapp.platform.sync.answers import BATCH_BYTES

KIB = 1024
MIB = 1024 * KIB
#: Sign-in, sign-out and change of language: a few short fields.
SHORT = 16 * KIB
#: Upper bound of the settings `attachments.max_megabytes` and `rescue.max_megabytes`.
FILE = 100 * MIB
#: A body that is too large is read and discarded up to this size: a client that is cut while sending sees a broken
#: connection instead of the response.
DISCARDED = 8 * MIB

_SHORT_PATHS = ("/login", "/logout", "/me/language")


def limit_of(method: str, path: str, content_type: str, uploads: int) -> int:
    """Return the largest body of this request in bytes; `uploads` is the limit for posts with files."""
    if path in _SHORT_PATHS:
        return SHORT
    if path.startswith("/sync/"):
        return FILE if method == "PATCH" else BATCH_BYTES
    return uploads if content_type.startswith("multipart/form-data") else FORM


__all__ = ["DISCARDED", "FILE", "FORM", "SHORT", "limit_of"]
