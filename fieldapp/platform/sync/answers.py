"""JSON responses of `/sync`: each names this instance and none is a redirect (failure modes 14 to 16, 20)."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
from flask import Response, request
from flask_babel import gettext

from fieldapp.kernel import clock
from fieldapp.services.settings import value

BATCH_OPS = 50
BATCH_BYTES = 1024 * 1024
CHUNK = 1024 * 1024


class Refused(Exception):
    """Request error that ends the whole request with an HTTP status. The phone keeps its records."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


def json_response(content: Any, status: int = 200) -> Response:
    """Return `content` as a JSON response that no cache may store."""
    headers = {"Cache-Control": "no-store", "Vary": "Cookie"}
    return Response(msgspec.json.encode(content), status, headers, content_type="application/json")


def error_response(status: int, code: str, message: str) -> Response:
    """Return a JSON error response. Status 413 adds the limits; 429 and 503 add `Retry-After` (seconds)."""
    content: dict[str, Any] = {"error": {"code": code, "words": message}}
    if status == 413:
        content["limits"] = limits()
    response = json_response(content, status)
    if status in {429, 503}:
        response.headers["Retry-After"] = "15"
    return response


def limits() -> dict[str, int]:
    """Return the limits of one request: records, and sizes in bytes."""
    return {
        "batch_ops": BATCH_OPS,
        "batch_bytes": BATCH_BYTES,
        "chunk": CHUNK,
        "attachment": int(value("attachments.max_megabytes", clock.now())) * 1024 * 1024,
    }


def read_json(kind: Any) -> Any:
    """Return the body of the current request, decompressed and decoded as the msgspec type `kind`. Raise Refused."""
    length = request.content_length
    if length is not None and length > BATCH_BYTES:
        request.get_data(cache=False) if length < 8 * BATCH_BYTES else None
        raise _too_large()
    body = request.stream.read(BATCH_BYTES + 1) if length is None else request.get_data(cache=False)
    if len(body) > BATCH_BYTES:
        raise _too_large()
    encoding = request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if encoding in {"gzip", "deflate"}:
        body = _decompress(body)
    elif encoding != "identity":
        raise Refused(415, "request.encoding", gettext("This encoding is not understood."))
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(400, "request.unreadable", gettext("This request cannot be read.")) from None


def _too_large() -> Refused:
    return Refused(413, "request.too_large", gettext("Too much at once; send less."))


def _decompress(body: bytes) -> bytes:
    """Decompress `body` up to the allowed size. Raise Refused: a small body can inflate to a huge one."""
    decompressor = zlib.decompressobj(wbits=47)
    try:
        content = decompressor.decompress(body, BATCH_BYTES + 1)
    except zlib.error:
        raise Refused(400, "request.unreadable", gettext("This request cannot be read.")) from None
    if len(content) > BATCH_BYTES or decompressor.unconsumed_tail:
        raise _too_large()
    return content
