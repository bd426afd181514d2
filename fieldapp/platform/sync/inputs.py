"""Typed request bodies of `/sync`, with size limits that are checked before anything is read or stored.

A few bytes of gzip can hold a megabyte of JSON, and a span of two numbers can name a billion of them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
from flask_babel import gettext
from msgspec import Meta

from fieldapp.kernel import ids
from fieldapp.platform.sync.answers import Refused, read_json
from fieldapp.platform.web import inputs

Spans = Sequence[tuple[int, int]]

#: Spans in one hello, over all epochs: more than a phone has records.
MAX_SPANS = 20_000
#: Epochs of a store in one hello.
MAX_EPOCHS = 200
#: Ids in one receipts request; the client asks for the rest again.
MAX_RECEIPTS = 1000
#: Upper bound of a phone's sequence numbers.
MAX_SEQ = 2**53
#: Characters stored of a text that a phone reports.
MAX_TEXT = 64


class Pending(msgspec.Struct):
    """Records in the outbox of this epoch: lowest and highest number, count, time of the oldest."""

    min_seq: int
    max_seq: int
    count: int
    oldest_utc: str


class Hello(msgspec.Struct):
    """Body of a hello request.

    `held` are the numbers of all records on the phone, by epoch and as spans; `dropped` those that their author
    discarded. Older clients send neither.
    """

    dev: str
    ep: Annotated[str, Meta(pattern="^[0-9a-f]{8}$")]
    user: int
    build: str
    next_seq: Annotated[int, Meta(ge=1, lt=MAX_SEQ)]
    now: str
    pending: Pending | None = None
    persisted: bool | None = None
    display_mode: str = ""
    held: Annotated[dict[str, list[tuple[int, int]]], Meta(max_length=MAX_EPOCHS)] | None = None
    dropped: Annotated[dict[str, list[int]], Meta(max_length=MAX_EPOCHS)] | None = None


class Push(msgspec.Struct):
    """Body of a push request: frozen envelopes as strings."""

    ops: list[str]


class Receipts(msgspec.Struct):
    """Body of a receipts request: operation ids."""

    ops: list[str]


def read_hello() -> Hello:
    """Return the hello of this request, texts and numbers cut to their limits. Raise Refused."""
    hello: Hello = read_json(Hello)
    if not ids.is_uuid(hello.dev):
        raise Refused(400, "request.unreadable", gettext("This request cannot be read."))
    if sum(map(len, (hello.held or {}).values())) > MAX_SPANS:
        raise Refused(413, "hello.too_many_spans", gettext("Too much at once; send less."))
    hello.build, hello.display_mode = inputs.kept(hello.build, MAX_TEXT), inputs.kept(hello.display_mode, 20)
    if hello.pending:
        hello.pending = Pending(
            _clamp(hello.pending.min_seq),
            _clamp(hello.pending.max_seq),
            min(_clamp(hello.pending.count), 1_000_000),
            inputs.kept(hello.pending.oldest_utc, MAX_TEXT),
        )
    return hello


def read_receipts() -> list[str]:
    """Return the operation ids of this request, without malformed ones. Raise Refused."""
    body: Receipts = read_json(Receipts)
    return [op for op in body.ops[:MAX_RECEIPTS] if ids.is_uuid(op)]


def _clamp(value: int) -> int:
    return min(max(value, 0), MAX_SEQ)


def numbers(spans: Spans, first: int, end: int) -> Iterable[int]:
    """Yield the numbers in `first` ≤ n < `end` that the spans cover, each once. Spans may overlap."""
    lowest = first
    for low, high in sorted(spans):
        if lowest >= end:
            return
        yield from range(max(low, lowest), min(high + 1, end))
        lowest = max(lowest, high + 1)


# -- tus ---------------------------------------------------------------------------------------------------------


def upload_length(most: int) -> int:
    """Return the announced file size in bytes. Raise Refused above `most`."""
    size = inputs.header_number("Upload-Length", low=-inputs.MOST_BIG)
    if size is None:
        raise Refused(400, "attachment.no_length", gettext("This request cannot be read."))
    if not 0 <= size <= most:
        raise Refused(413, "attachment.too_large", gettext("This file is too large."))
    return size


def upload_offset() -> int:
    """Return the offset in bytes at which the chunk begins. Raise Refused."""
    offset = inputs.header_number("Upload-Offset")
    if offset is None:
        raise Refused(400, "attachment.no_offset", gettext("This request cannot be read."))
    return offset


def upload_metadata() -> dict[str, str]:
    """Return the file's metadata by name, without characters that cannot be stored. Raise Refused."""
    meta: dict[str, str] = {}
    for part in inputs.header("Upload-Metadata", 8000).split(","):
        key, _, value = part.strip().partition(" ")
        try:
            text = base64.b64decode(value, validate=True).decode()
            meta[key] = inputs.kept(text, 1000) if key in {"filename", "filetype", "role"} else text
        except (binascii.Error, UnicodeDecodeError):
            raise Refused(400, "attachment.unreadable", gettext("This request cannot be read.")) from None
    return meta
