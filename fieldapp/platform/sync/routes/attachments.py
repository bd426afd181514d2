"""`/sync/attachments`: tus 1.0 with the client's own id, size and hash (docs/sync-protocol.md)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import wraps
from uuid import UUID

from flask import Response, request, url_for
from flask_babel import gettext
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import ClientDisconnected

from fieldapp.errors import NotFound
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.ledger import lock_key
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from fieldapp.platform.sync.answers import CHUNK, Refused, error_response, json_response, limits
from fieldapp.platform.sync.inputs import upload_length, upload_metadata, upload_offset
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web import inputs
from fieldapp.platform.web.guards import actor, public
from fieldapp.services.attachments import receiving
from fieldapp.services.attachments.receiving import SETTLED, Damaged, Locked, WrongOffset
from fieldapp.services.settings import value

TUS = "1.0.0"
#: Bytes read from the network at once; a cut connection loses at most this much.
READ_BYTES = 64 * 1024
#: Bytes read of a body that is too large: without reading, the client sees a reset instead of the response.
DRAIN_BYTES = 8 * CHUNK


def _add_tus_headers(response: Response, row: Attachment | None = None) -> Response:
    """Add the tus version, and offset, size and state of `row`."""
    response.headers["Tus-Resumable"] = TUS
    response.headers["Cache-Control"] = "no-store"
    if row is not None:
        response.headers["Upload-Offset"] = str(row.received)
        response.headers["Upload-Length"] = str(row.size)
        response.headers["X-Attachment-State"] = row.state
        response.headers["Location"] = url_for("sync.patch", attachment_id=row.id)
    return response


def _tus_view(view: Callable[..., Response]) -> Callable[..., Response]:
    """Decorate a view: refuse other tus versions, add tus headers to errors."""

    @wraps(view)
    def wrapper(**address: UUID) -> Response:
        if inputs.header("Tus-Resumable") not in {"", TUS}:
            response = _add_tus_headers(
                error_response(412, "attachment.tus_version", gettext("This request cannot be read."))
            )
            response.headers["Tus-Version"] = TUS
            return response
        try:
            return view(**address)
        except Refused as error:
            return _add_tus_headers(error_response(error.status, error.code, error.message))
        except NotFound as error:
            return _add_tus_headers(error_response(404, error.code, str(error.words)))

    return wrapper


@bp.route("/attachments", methods=["OPTIONS"])
@public
def options() -> Response:
    """Return the capabilities of this tus server."""
    response = _add_tus_headers(Response(status=204))
    response.headers["Tus-Version"] = TUS
    response.headers["Tus-Extension"] = "creation,checksum"
    response.headers["Tus-Checksum-Algorithm"] = "sha256,sha1"
    response.headers["Tus-Max-Size"] = str(limits()["attachment"])
    return response


@bp.post("/attachments")
@public
@_tus_view
def create() -> Response:
    """Announce a file. Repeating the announcement answers 200 with the offset received so far."""
    meta = upload_metadata()
    size, digest = upload_length(limits()["attachment"]), meta.get("sha256", "")
    attachment_id = meta.get("id") or str(ids.uuid7())
    if not ids.is_uuid(attachment_id) or (digest and not _is_digest(digest)):
        raise Refused(400, "attachment.unreadable", gettext("This request cannot be read."))
    with writing() as session:
        row = session.get(Attachment, attachment_id, with_for_update=True)
        status = 200
        if row is None:
            status = 201
            _check_quota(session, actor().id, size)
            row = Attachment(id=attachment_id, user_id=actor().id, size=size, sha256=digest, created_at=clock.now())
            row.name = meta.get("filename", "")[-255:]
            row.mime = meta.get("filetype", "application/octet-stream")[:100]
            row.role = meta.get("role", "photo")[:40]
            row.received, row.state = 0, "partial"
            session.add(row)
        elif row.user_id != actor().id:
            raise NotFound("attachment.not_found")
        elif (row.size, row.sha256) != (size, digest or row.sha256):
            raise Refused(409, "attachment.reused", gettext("This number was already used for another file."))
        if size == 0:
            receiving.settle_empty(row)
        receiving.recognise(row)
    return _add_tus_headers(json_response({"id": row.id, "offset": row.received, "state": row.state}, status), row)


#: Announced files that no record names count against the quota for this long.
UNCLAIMED_FOR = timedelta(days=7)


def _check_quota(session: Session, user_id: int, size: int) -> None:
    """Raise Refused if too many files of this person belong to no record.

    A phone sends a photo after the record that names it; only the files of held records arrive unnamed. Status 423
    makes phones and tus clients go on with other files and try this one again later.
    """
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(lock_key(f"uploads:{user_id}"))))
    query = select(func.count(), func.coalesce(func.sum(Attachment.size), 0)).where(
        Attachment.user_id == user_id,
        Attachment.state.in_(["partial", "stored", "refused"]),
        Attachment.op.is_(None),
        Attachment.created_at > clock.now() - UNCLAIMED_FOR,
    )
    count, total = session.execute(query).one()
    max_files, max_megabytes = (
        int(value("attachments.max_unclaimed", clock.now())),
        int(value("attachments.max_unclaimed_megabytes", clock.now())),
    )
    if count >= max_files or total + size > max_megabytes * 1024 * 1024:
        message = gettext("Too many files without a record. Nothing is lost; this one is tried again later.")
        raise Refused(423, "attachment.too_many", message)


@bp.route("/attachments/<uuid:attachment_id>", methods=["HEAD"])
@public
@_tus_view
def head(attachment_id: UUID) -> Response:
    """Return the offset received so far; the client continues there."""
    row = _own_attachment(attachment_id)
    response = _add_tus_headers(Response(status=200, mimetype="application/json"), row)
    response.headers["Upload-Metadata"] = _metadata(row)
    return response


@bp.patch("/attachments/<uuid:attachment_id>")
@public
@_tus_view
def patch(attachment_id: UUID) -> Response:
    """Append a chunk at the server's offset. Bytes before a cut are kept, unless a checksum covers the chunk."""
    row = _own_attachment(attachment_id)
    if request.mimetype != "application/offset+octet-stream":
        raise Refused(415, "attachment.type", gettext("This request cannot be read."))
    offset = upload_offset()
    if row.state in SETTLED and offset != row.size:
        return _with_current_offset(
            row.id, error_response(409, "attachment.offset", gettext("Please go on from where the server is."))
        )
    try:
        for chunk in _body_chunks():
            receiving.append(row.id, offset, chunk)
            offset += len(chunk)
    except WrongOffset:
        return _with_current_offset(
            row.id, error_response(409, "attachment.offset", gettext("Please go on from where the server is."))
        )
    except Locked:
        return _with_current_offset(
            row.id, error_response(423, "attachment.locked", gettext("This photo is just being received."))
        )
    except (_ChecksumMismatch, Damaged):
        return _with_current_offset(
            row.id, error_response(460, "attachment.checksum", gettext("The photo was damaged on its way."))
        )
    return _with_current_offset(row.id, Response(status=204))


@bp.post("/attachments/<uuid:attachment_id>")
@public
def override(attachment_id: UUID) -> Response:
    """Dispatch on `X-HTTP-Method-Override` (required by tus 1.0) for networks that pass only GET and POST."""
    method = inputs.header("X-HTTP-Method-Override").upper()
    if method == "PATCH":
        return patch(attachment_id=attachment_id)
    if method == "HEAD":
        return head(attachment_id=attachment_id)
    return _add_tus_headers(error_response(405, "attachment.method", gettext("This cannot be done here.")))


@bp.post("/attachments/<uuid:attachment_id>/lost")
@public
@_tus_view
def lost(attachment_id: UUID) -> Response:
    """Mark a photo that the phone no longer has (failure mode 64). Bytes that arrive later are still accepted."""
    _own_attachment(attachment_id)
    with writing() as session:
        row = session.get_one(Attachment, str(attachment_id), with_for_update=True)
        if row.state in {"expected", "partial"}:
            row.state = "lost"
    return _add_tus_headers(Response(status=204), row)


class _ChecksumMismatch(Exception):
    """The chunk does not match the checksum in its header."""


def _body_chunks() -> Iterator[bytes]:
    """Yield the body in chunks of bounded size, so that memory does not grow. Raise _ChecksumMismatch, Refused."""
    checksum = inputs.header("Upload-Checksum")
    if checksum:
        chunk, connected = _read(CHUNK + 1)
        if len(chunk) > CHUNK:
            _drain()
            raise Refused(413, "attachment.chunk_too_large", gettext("Too much at once; send less."))
        if not connected or not _matches_checksum(checksum, chunk):
            raise _ChecksumMismatch
        yield chunk
        return
    chunk, connected = _read(CHUNK)
    yield chunk
    while connected and len(chunk) == CHUNK:
        chunk, connected = _read(CHUNK)
        if chunk:
            yield chunk


def _read(most: int) -> tuple[bytes, bool]:
    """Return up to `most` bytes and whether the client is still connected. Bytes before a cut are returned."""
    chunk = bytearray()
    try:
        while len(chunk) < most:
            part = request.stream.read(min(READ_BYTES, most - len(chunk)))
            if not part:
                break
            chunk += part
    except (ClientDisconnected, OSError):
        return bytes(chunk), False
    return bytes(chunk), True


def _drain() -> None:
    for _ in range(DRAIN_BYTES // READ_BYTES):
        chunk, connected = _read(READ_BYTES)
        if not chunk or not connected:
            return


def _with_current_offset(attachment_id: str, response: Response) -> Response:
    """Add tus headers with the offset read anew: another request may have changed it."""
    db.session.rollback()
    return _add_tus_headers(response, db.session.get_one(Attachment, attachment_id))


def _own_attachment(attachment_id: UUID) -> Attachment:
    row = db.session.get(Attachment, str(attachment_id))
    if row is None or row.user_id != actor().id:
        raise NotFound("attachment.not_found")
    return row


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def _matches_checksum(header: str, chunk: bytes) -> bool:
    algorithm, _, value = header.partition(" ")
    if algorithm not in {"sha256", "sha1"}:
        raise Refused(400, "attachment.checksum_unknown", gettext("This request cannot be read."))
    try:
        return hashlib.new(algorithm, chunk, usedforsecurity=False).digest() == base64.b64decode(value, validate=True)
    except binascii.Error:
        return False


def _metadata(row: Attachment) -> str:
    """Return the `Upload-Metadata` header: the client's metadata, without fields that were not stored."""
    fields = {"id": row.id, "sha256": row.sha256, "filename": row.name, "filetype": row.mime, "role": row.role}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items() if value)
