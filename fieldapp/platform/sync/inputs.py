"""What a phone's requests may hold: typed, and bounded before anything walks it or writes it down.

A few bytes of gzip become a megabyte of JSON, and a span of two numbers names a billion of them.
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

#: Unbroken runs of numbers in one hello, all lives of a store together: more than a phone has records.
MOST_SPANS = 20_000
#: Lives of a store that one hello speaks of.
MOST_LIVES = 200
#: Ids that one request may ask about; the rest it asks again.
MOST_ASKED = 1000
#: Largest number a phone gives out.
MOST_SEQ = 2**53
#: What is kept of the words a phone says of itself.
MOST_TEXT = 64


class Pending(msgspec.Struct):
    """What a phone still holds of this life of its store."""

    min_seq: int
    max_seq: int
    count: int
    oldest_utc: str


class Hello(msgspec.Struct):
    """A phone introduces itself.

    `held` are the numbers of all records that lie on it, by epoch and as spans; `dropped` those whose records their
    author discarded. Phones of before leave both out.
    """

    dev: str
    ep: Annotated[str, Meta(pattern="^[0-9a-f]{8}$")]
    user: int
    build: str
    next_seq: Annotated[int, Meta(ge=1, lt=MOST_SEQ)]
    now: str
    pending: Pending | None = None
    persisted: bool | None = None
    display_mode: str = ""
    held: Annotated[dict[str, list[tuple[int, int]]], Meta(max_length=MOST_LIVES)] | None = None
    dropped: Annotated[dict[str, list[int]], Meta(max_length=MOST_LIVES)] | None = None


class Push(msgspec.Struct):
    """Frozen envelopes, as strings."""

    ops: list[str]


class Receipts(msgspec.Struct):
    """Ids that a phone asks about."""

    ops: list[str]


def read_hello() -> Hello:
    """A hello within bounds: what a phone says of itself is cut to what is kept. Raises Refused."""
    said: Hello = read_json(Hello)
    if not ids.is_uuid(said.dev):
        raise Refused(400, "request.unreadable", gettext("This request cannot be read."))
    if sum(map(len, (said.held or {}).values())) > MOST_SPANS:
        raise Refused(413, "hello.too_many_spans", gettext("Too much at once; send less."))
    said.build, said.display_mode = inputs.kept(said.build, MOST_TEXT), inputs.kept(said.display_mode, 20)
    if said.pending:
        said.pending = Pending(
            _number(said.pending.min_seq),
            _number(said.pending.max_seq),
            min(_number(said.pending.count), 1_000_000),
            inputs.kept(said.pending.oldest_utc, MOST_TEXT),
        )
    return said


def read_receipts() -> list[str]:
    """The ids that are asked about; what is no id has no receipt. Raises Refused."""
    said: Receipts = read_json(Receipts)
    return [one for one in said.ops[:MOST_ASKED] if ids.is_uuid(one)]


def _number(value: int) -> int:
    return min(max(value, 0), MOST_SEQ)


def numbers(spans: Spans, first: int, end: int) -> Iterable[int]:
    """The numbers from `first` to below `end` that lie in the spans, each once, however the spans overlap."""
    at = first
    for low, high in sorted(spans):
        if at >= end:
            return
        yield from range(max(low, at), min(high + 1, end))
        at = max(at, high + 1)


# -- tus ---------------------------------------------------------------------------------------------------------


def upload_length(most: int) -> int:
    """How large a file is announced to be. Raises Refused."""
    size = inputs.header_number("Upload-Length", low=-inputs.MOST_BIG)
    if size is None:
        raise Refused(400, "attachment.no_length", gettext("This request cannot be read."))
    if not 0 <= size <= most:
        raise Refused(413, "attachment.too_large", gettext("This file is too large."))
    return size


def upload_offset() -> int:
    """Where the piece begins. Raises Refused."""
    offset = inputs.header_number("Upload-Offset")
    if offset is None:
        raise Refused(400, "attachment.no_offset", gettext("This request cannot be read."))
    return offset


def upload_metadata() -> dict[str, str]:
    """What the client says of the file, by name; its words without signs that cannot be stored. Raises Refused."""
    meta: dict[str, str] = {}
    for part in inputs.header("Upload-Metadata", 8000).split(","):
        key, _, value = part.strip().partition(" ")
        try:
            said = base64.b64decode(value, validate=True).decode()
            meta[key] = inputs.kept(said, 1000) if key in {"filename", "filetype", "role"} else said
        except (binascii.Error, UnicodeDecodeError):
            raise Refused(400, "attachment.unreadable", gettext("This request cannot be read.")) from None
    return meta
