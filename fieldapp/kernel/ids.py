"""Identifiers that can be made anywhere, also without signal."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

#: The device of envelopes the server makes itself: from a form post, or of due work.
SERVER_DEVICE = "00000000-0000-0000-0000-000000000000"
SERVER_EPOCH = "00000000"


def uuid7() -> UUID:
    """A UUIDv7 (RFC 9562): sorts by the millisecond it was made in."""
    millis = time.time_ns() // 1_000_000
    value = (millis & (1 << 48) - 1) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return UUID(int=value)


def derived_id(due_at: datetime, kind: str, key: str, occurrence: str) -> UUID:
    """Return the id of due work: the same for the same work, on every server (UUID version 8, RFC 9562).

    48 bits are the due time in milliseconds, so it sorts like a UUIDv7; 74 bits are of the SHA-256 of the rest.
    """
    millis = (due_at - _UNIX) // timedelta(milliseconds=1)
    named = json.dumps([kind, key, occurrence]).encode()
    digest = int.from_bytes(hashlib.sha256(named).digest(), "big") >> (256 - 74)
    high, low = digest >> 62, digest & (1 << 62) - 1
    return UUID(int=(millis & (1 << 48) - 1) << 80 | 8 << 76 | high << 64 | 2 << 62 | low)


_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_CANONICAL = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_uuid(text: object) -> bool:
    """Whether `text` is a UUID in its canonical lower-case form."""
    return isinstance(text, str) and _CANONICAL.fullmatch(text) is not None


def is_uuid_of(text: object, version: int) -> bool:
    """Return whether `text` is a canonical UUID of this version (RFC 9562)."""
    return isinstance(text, str) and is_uuid(text) and text[14] == str(version) and text[19] in "89ab"


#: No I, O, 0, 1: the reference is read aloud and written down by hand.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@lru_cache(maxsize=4096)
def device_code(device: str) -> str:
    """`K7`: how a phone's store is called. Same rule as the phone's (engine/ids.ts)."""
    code = 0x811C9DC5
    for letter in device:
        code = (code ^ ord(letter)) * 0x01000193 & 0xFFFFFFFF
    return f"{_LETTERS[code % 24]}{_SIGNS[code // 24 % 32]}"


def short_reference(device: str, seq: int) -> str:
    """`K7-0042`: what a customer can write down before any network."""
    return f"{device_code(device)}-{seq:04d}"
