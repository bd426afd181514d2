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
from fieldapp.platform.sync.answers import CHUNK, Refused, answer, limits, refusal
from fieldapp.platform.sync.inputs import upload_length, upload_metadata, upload_offset
from fieldapp.platform.sync.routes import bp
from fieldapp.platform.web import inputs
from fieldapp.platform.web.guards import actor, public
from fieldapp.services.attachments import receiving
from fieldapp.services.attachments.receiving import SETTLED, Damaged, Locked, WrongOffset
from fieldapp.services.settings import value

TUS = "1.0.0"
#: What is read at once from the network; a cut costs at most what came since the last piece.
SIP = 64 * 1024
#: A body that is refused for its size is still read up to here, else the client sees a reset instead of the answer.
DRAIN = 8 * CHUNK


def _tus(response: Response, row: Attachment | None = None) -> Response:
    response.headers["Tus-Resumable"] = TUS
    response.headers["Cache-Control"] = "no-store"
    if row is not None:
        response.headers["Upload-Offset"] = str(row.received)
        response.headers["Upload-Length"] = str(row.size)
        response.headers["X-Attachment-State"] = row.state
        response.headers["Location"] = url_for("sync.patch", attachment_id=row.id)
    return response


def _speaks_tus(view: Callable[..., Response]) -> Callable[..., Response]:
    """Refuses a client of another version of tus before anything is done; every answer names ours."""

    @wraps(view)
    def spoken(**address: UUID) -> Response:
        if inputs.header("Tus-Resumable") not in {"", TUS}:
            response = _tus(refusal(412, "attachment.tus_version", gettext("This request cannot be read.")))
            response.headers["Tus-Version"] = TUS
            return response
        try:
            return view(**address)
        except Refused as error:
            return _tus(refusal(error.status, error.code, error.words))
        except NotFound as error:
            return _tus(refusal(404, error.code, str(error.words)))

    return spoken


@bp.route("/attachments", methods=["OPTIONS"])
@public
def options() -> Response:
    """What this tus server can do."""
    response = _tus(Response(status=204))
    response.headers["Tus-Version"] = TUS
    response.headers["Tus-Extension"] = "creation,checksum"
    response.headers["Tus-Checksum-Algorithm"] = "sha256,sha1"
    response.headers["Tus-Max-Size"] = str(limits()["attachment"])
    return response


@bp.post("/attachments")
@public
@_speaks_tus
def create() -> Response:
    """Announces a file. The same announcement again answers 200 with how much is here already."""
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
            _within_quota(session, actor().id, size)
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
    return _tus(answer({"id": row.id, "offset": row.received, "state": row.state}, status), row)


#: Files that were announced longer ago than this and that no record named count no more.
UNCLAIMED_FOR = timedelta(days=7)


def _within_quota(session: Session, user_id: int, size: int) -> None:
    """Refuse a file that no record named, where its owner has many of those. Raises Refused.

    A phone sends a photo after its record, which names it; only where a record is held do its files come unnamed. 423
    is answered because phones and tus clients then try this file again later and go on with the others.
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
    now = clock.now()
    most = int(value("attachments.max_unclaimed", now))
    megabytes = int(value("attachments.max_unclaimed_megabytes", now))
    if count >= most or total + size > megabytes * 1024 * 1024:
        words = gettext("Too many files without a record. Nothing is lost; this one is tried again later.")
        raise Refused(423, "attachment.too_many", words)


@bp.route("/attachments/<uuid:attachment_id>", methods=["HEAD"])
@public
@_speaks_tus
def head(attachment_id: UUID) -> Response:
    """How much of the file is here: the only truth about where to go on."""
    row = _mine(attachment_id)
    response = _tus(Response(status=200, mimetype="application/json"), row)
    response.headers["Upload-Metadata"] = _told(row)
    return response


@bp.patch("/attachments/<uuid:attachment_id>")
@public
@_speaks_tus
def patch(attachment_id: UUID) -> Response:
    """Appends at the offset the server names; what came before a cut is kept, unless a checksum covers it."""
    row = _mine(attachment_id)
    if request.mimetype != "application/offset+octet-stream":
        raise Refused(415, "attachment.type", gettext("This request cannot be read."))
    offset = upload_offset()
    if row.state in SETTLED and offset != row.size:
        return _answer(row.id, refusal(409, "attachment.offset", gettext("Please go on from where the server is.")))
    try:
        for piece in _pieces():
            receiving.append(row.id, offset, piece)
            offset += len(piece)
    except WrongOffset:
        return _answer(row.id, refusal(409, "attachment.offset", gettext("Please go on from where the server is.")))
    except Locked:
        return _answer(row.id, refusal(423, "attachment.locked", gettext("This photo is just being received.")))
    except (_Spoilt, Damaged):
        return _answer(row.id, refusal(460, "attachment.checksum", gettext("The photo was damaged on its way.")))
    return _answer(row.id, Response(status=204))


@bp.post("/attachments/<uuid:attachment_id>")
@public
def override(attachment_id: UUID) -> Response:
    """For networks that let only GET and POST pass: the method stands in a header (a must of tus 1.0)."""
    meant = inputs.header("X-HTTP-Method-Override").upper()
    if meant == "PATCH":
        return patch(attachment_id=attachment_id)
    if meant == "HEAD":
        return head(attachment_id=attachment_id)
    return _tus(refusal(405, "attachment.method", gettext("This cannot be done here.")))


@bp.post("/attachments/<uuid:attachment_id>/lost")
@public
@_speaks_tus
def lost(attachment_id: UUID) -> Response:
    """The phone says that it no longer has this photo (failure mode 64); bytes that come all the same still count."""
    _mine(attachment_id)
    with writing() as session:
        row = session.get_one(Attachment, str(attachment_id), with_for_update=True)
        if row.state in {"expected", "partial"}:
            row.state = "lost"
    return _tus(Response(status=204), row)


class _Spoilt(Exception):
    """The piece does not agree with the checksum sent along."""


def _pieces() -> Iterator[bytes]:
    """The body in pieces of bounded size: memory does not grow with the file. Raises _Spoilt or Refused."""
    check = inputs.header("Upload-Checksum")
    if check:
        piece, more = _sip(CHUNK + 1)
        if len(piece) > CHUNK:
            _drain()
            raise Refused(413, "attachment.chunk_too_large", gettext("Too much at once; send less."))
        if not more or not _agrees(check, piece):
            raise _Spoilt
        yield piece
        return
    piece, more = _sip(CHUNK)
    yield piece
    while more and len(piece) == CHUNK:
        piece, more = _sip(CHUNK)
        if piece:
            yield piece


def _sip(most: int) -> tuple[bytes, bool]:
    """Up to `most` bytes, and whether the client is still there: what came before a cut is not thrown away."""
    piece = bytearray()
    try:
        while len(piece) < most:
            part = request.stream.read(min(SIP, most - len(piece)))
            if not part:
                break
            piece += part
    except (ClientDisconnected, OSError):
        return bytes(piece), False
    return bytes(piece), True


def _drain() -> None:
    for _ in range(DRAIN // SIP):
        piece, more = _sip(SIP)
        if not piece or not more:
            return


def _answer(attachment_id: str, response: Response) -> Response:
    """With the offset as it is now: another request may have moved it meanwhile."""
    db.session.rollback()
    return _tus(response, db.session.get_one(Attachment, attachment_id))


def _mine(attachment_id: UUID) -> Attachment:
    row = db.session.get(Attachment, str(attachment_id))
    if row is None or row.user_id != actor().id:
        raise NotFound("attachment.not_found")
    return row


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def _agrees(header: str, piece: bytes) -> bool:
    algorithm, _, value = header.partition(" ")
    if algorithm not in {"sha256", "sha1"}:
        raise Refused(400, "attachment.checksum_unknown", gettext("This request cannot be read."))
    try:
        return hashlib.new(algorithm, piece, usedforsecurity=False).digest() == base64.b64decode(value, validate=True)
    except binascii.Error:
        return False


def _told(row: Attachment) -> str:
    """What the client said of the file, as it said it; words that mean nothing here were not kept."""
    said = {"id": row.id, "sha256": row.sha256, "filename": row.name, "filetype": row.mime, "role": row.role}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items() if value)
