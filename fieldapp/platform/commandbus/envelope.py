"""The envelope (docs/sync-protocol.md): a frozen string, its hash, and what it says."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from fieldapp.kernel import clock, ids

MAX_ATTACHMENTS = 40
MAX_DEPENDS = 200


class BadEnvelope(Exception):
    """The string is no envelope. `op` is its id as far as one could be read."""

    def __init__(self, reason: str, op: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.op = op


class When(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The phone's clock and what the phone last knew of its error (milliseconds, seconds)."""

    utc: str
    tz: str = "UTC"
    offset_ms: int | None = None
    offset_age_s: int | None = None


class Base(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the person had seen when writing: the version and the fields to compare by."""

    ver: int
    fields: dict[str, Any] = {}


class AttachmentNote(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A file that belongs to the record; its bytes travel on their own."""

    id: str
    name: str
    mime: str
    size: int
    sha256: str
    role: str = "photo"


class Envelope(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One command as its author froze it."""

    v: int
    op: str
    dev: str
    ep: str
    user: int
    seq: int
    kind: str
    schema: int
    agg: tuple[str, str]
    at: When
    data: dict[str, Any]
    build: str = ""
    base: Base | None = None
    depends: list[str] = []
    supersedes: str | None = None
    atts: list[AttachmentNote] = []

    @property
    def device_time(self) -> datetime:
        """The author's moment in UTC, corrected by the offset the phone had measured (failure mode 54)."""
        return clock.parse_iso(self.at.utc) + timedelta(milliseconds=self.at.offset_ms or 0)

    @property
    def aggregate_key(self) -> str:
        """The key of the aggregate's lock: records about one aggregate are decided one after the other."""
        return f"{self.agg[0]}:{self.agg[1]}"


_decoder = msgspec.json.Decoder(Envelope)


def fingerprint(body: str) -> str:
    """SHA-256 over exactly the frozen bytes, in hex."""
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def parse(body: str, op_version: int = 7) -> Envelope:
    """Read a frozen string whose id is a UUID of version `op_version`. Raise BadEnvelope."""
    try:
        envelope = _decoder.decode(body.encode())
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise BadEnvelope(str(error), _op_of(body)) from None
    if "\x00" in body or "\\u0000" in body:
        # PostgreSQL can store neither; the same answer on both databases.
        raise BadEnvelope("a null character cannot be stored", envelope.op if ids.is_uuid(envelope.op) else None)
    reason = _fault(envelope, op_version)
    if reason:
        raise BadEnvelope(reason, envelope.op if ids.is_uuid(envelope.op) else None)
    return envelope


def _fault(envelope: Envelope, op_version: int) -> str | None:
    checks = (
        (envelope.v == 1, "v must be 1"),
        (ids.is_uuid_of(envelope.op, op_version), f"op must be a UUIDv{op_version}"),
        (ids.is_uuid(envelope.dev), "dev must be a UUID"),
        (len(envelope.ep) == 8 and all(c in "0123456789abcdef" for c in envelope.ep), "ep must be 8 hex digits"),
        (0 <= envelope.seq < 2**53, "seq out of range"),
        (0 < envelope.schema < 10_000, "schema out of range"),
        (0 < len(envelope.kind) <= 64, "kind must have 1 to 64 characters"),
        (0 < len(envelope.agg[0]) <= 40 and ids.is_uuid(envelope.agg[1]), "agg must be a type and a UUID"),
        (len(envelope.build) <= 64, "build is too long"),
        (len(envelope.depends) <= MAX_DEPENDS and all(map(ids.is_uuid, envelope.depends)), "depends must be op ids"),
        (envelope.supersedes is None or ids.is_uuid(envelope.supersedes), "supersedes must be an op id"),
        (len(envelope.atts) <= MAX_ATTACHMENTS, "too many attachments"),
        (all(_good_note(note) for note in envelope.atts), "an attachment is not described properly"),
    )
    for holds, reason in checks:
        if not holds:
            return reason
    try:
        moment = envelope.device_time
    except (ValueError, OverflowError):
        return "at.utc must be an instant"
    return (
        None if datetime(1970, 1, 1, tzinfo=UTC) <= moment < datetime(9000, 1, 1, tzinfo=UTC) else "at.utc is no time"
    )


def _good_note(note: AttachmentNote) -> bool:
    return (
        ids.is_uuid(note.id)
        and len(note.sha256) == 64
        and all(c in "0123456789abcdef" for c in note.sha256)
        and 0 <= note.size < 2**40
        and len(note.name) <= 255
        and len(note.mime) <= 100
        and 0 < len(note.role) <= 40
    )


def _op_of(body: str) -> str | None:
    try:
        op = json.loads(body).get("op")
    except (ValueError, AttributeError, RecursionError):
        return None
    return op if ids.is_uuid(op) else None


def web_envelope(
    *,
    op: str,
    user: int,
    kind: str,
    schema: int,
    agg: tuple[str, str],
    data: dict[str, Any],
    issued: str,
    atts: list[AttachmentNote] | None = None,
    base: Base | None = None,
) -> str:
    """Return the frozen string of an ordinary form post.

    `issued` is when the form was rendered: it makes the second post of one form the same bytes as the first,
    so that a reload or a double click is a replay and not a reused id.
    """
    envelope = Envelope(
        v=1,
        op=op,
        dev=ids.SERVER_DEVICE,
        ep=ids.SERVER_EPOCH,
        user=user,
        seq=0,
        kind=kind,
        schema=schema,
        agg=agg,
        at=When(utc=issued, tz=str(clock.BUSINESS_ZONE)),
        data=data,
        base=base,
        atts=atts or [],
    )
    return msgspec.json.encode(envelope).decode()
