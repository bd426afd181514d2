"""The session's cookie, whose signature is checked once and then known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

#: Cookies kept in a process, of less than one KB each.
KEPT = 2048


class SessionCookies:
    """Reads cookies that were signed with one key. A good signature stays good; its age is looked at each time."""

    def __init__(self, serializer: URLSafeTimedSerializer, longest: timedelta) -> None:
        self._serializer = serializer
        self._longest = longest
        # What is refused raises, and is not kept.
        self._checked = lru_cache(maxsize=KEPT)(self._check)

    def read(self, cookie: str) -> tuple[dict[str, Any], datetime] | None:
        """What the session holds and when that was signed; None where the cookie is not ours, or too old."""
        try:
            held, signed = self._checked(cookie)
        except BadData:
            return None
        if not timedelta() <= datetime.now(UTC) - signed <= self._longest:
            return None
        return dict(held), signed

    def _check(self, cookie: str) -> tuple[Mapping[str, Any], datetime]:
        held, signed = self._serializer.loads(cookie, return_timestamp=True)
        return held, signed


def named(header: str) -> dict[str, str]:
    """The cookies of a request's header; of two with one name the first. Ours are never quoted."""
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value)
    return found
