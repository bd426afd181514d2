"""Every sync answer is JSON, names this instance, and is never a redirect (failure modes 14 to 16, 20)."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
from flask import Response, request
from flask_babel import gettext

from fieldapp.services.settings import figure

BATCH_OPS = 50
BATCH_BYTES = 1024 * 1024
CHUNK = 1024 * 1024


class Refused(Exception):
    """The request as a whole cannot be taken; the phone keeps everything."""

    def __init__(self, status: int, code: str, words: str) -> None:
        super().__init__(code)
        self.status, self.code, self.words = status, code, words


def answer(content: Any, status: int = 200) -> Response:
    """Return a JSON response that no cache keeps."""
    kept = {"Cache-Control": "no-store", "Vary": "Cookie"}
    return Response(msgspec.json.encode(content), status, kept, content_type="application/json")


def refusal(status: int, code: str, words: str) -> Response:
    """Return a JSON error response; with the limits where the request was too large."""
    content: dict[str, Any] = {"error": {"code": code, "words": words}}
    if status == 413:
        content["limits"] = limits()
    response = answer(content, status)
    if status in {429, 503}:
        response.headers["Retry-After"] = "15"
    return response


def limits() -> dict[str, int]:
    """What one request may hold."""
    return {
        "batch_ops": BATCH_OPS,
        "batch_bytes": BATCH_BYTES,
        "chunk": CHUNK,
        "attachment": int(figure("attachments.max_megabytes")) * 1024 * 1024,
    }


def read_json(kind: Any) -> Any:
    """The request's JSON as a msgspec type, unpacked within bounds. Raises Refused."""
    length = request.content_length
    if length is not None and length > BATCH_BYTES:
        request.get_data(cache=False) if length < 8 * BATCH_BYTES else None
        raise _too_large()
    body = request.stream.read(BATCH_BYTES + 1) if length is None else request.get_data(cache=False)
    if len(body) > BATCH_BYTES:
        raise _too_large()
    encoding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if encoding in {"gzip", "deflate"}:
        body = _unpacked(body)
    elif encoding != "identity":
        raise Refused(415, "request.encoding", gettext("This encoding is not understood."))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(400, "request.unreadable", gettext("This request cannot be read.")) from None


def _too_large() -> Refused:
    return Refused(413, "request.too_large", gettext("Too much at once; send less."))


def _unpacked(body: bytes) -> bytes:
    """Inflates at most the allowed size: a small body may hide a huge one."""
    unpacker = zlib.decompressobj(wbits=47)
    try:
        plain = unpacker.decompress(body, BATCH_BYTES + 1)
    except zlib.error:
        raise Refused(400, "request.unreadable", gettext("This request cannot be read.")) from None
    if len(plain) > BATCH_BYTES or unpacker.unconsumed_tail:
        raise _too_large()
    return plain
