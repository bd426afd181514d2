"""Pages that are known not to have changed are answered before the application is asked (ADR 16)."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from threading import Lock
from typing import Any

from flask import Flask

from fieldapp.kernel import clock
from fieldapp.platform.web.cookies import SessionCookies, named

log = logging.getLogger(__name__)

#: What a page was made from, as read for its person; equal as long as the page would be the same.
State = Any
#: Reads that for a session's hash, from a thread that holds no request; empty where the session has ended.
Reader = Callable[[str], State]
#: Pages kept in a process, of about two KB each: their tags and headers, never what is on them.
KEPT = 2048
#: A session's cookie is renewed by the application once a day; one this old is left to it.
RENEW = timedelta(days=1)
LONGEST_QUERY = 400
#: Where a request notes for its answer what the page was made from.
NOTE = "fieldapp.page"
#: Besides address and person, whatever else a page depends on.
_TELLING = ("HTTP_ACCEPT_LANGUAGE", "HTTP_HX_REQUEST", "HTTP_HX_BOOSTED", "HTTP_HX_HISTORY_RESTORE_REQUEST")
#: Belongs to one answer alone.
_OWN = frozenset({"content-length", "content-type", "content-encoding", "set-cookie", "date"})


@dataclass(frozen=True, slots=True)
class Note:
    """What a page was made from, and until when: `minute` where it counts from now."""

    session: str
    state: State
    day: date
    minute: str | None = None

    def holds(self) -> bool:
        """Whether the clock allows the page."""
        return self.day == clock.today() and self.minute in {None, f"{clock.now():%H%M}"}


@dataclass(frozen=True, slots=True)
class _Page:
    tag: str
    note: Note
    headers: list[tuple[str, str]]


class KnownPages:
    """In front of the application: tags of the pages it sent, and the answer 304 while they hold.

    The cookie is checked as the application checks it; the session, the person's account, roles and the end of the
    audit trail are read anew for every answer. Whatever is not certain goes to the application.
    """

    def __init__(self, app: Flask, sessions: SessionCookies, reader: Reader) -> None:
        self.inner = app.wsgi_app
        self.reader = reader
        self.cookie = app.config["SESSION_COOKIE_NAME"]
        self.sessions = sessions
        self.pages: OrderedDict[bytes, _Page] = OrderedDict()
        self.lock = Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers, or passes the request on and notes what came of it."""
        key = self._key(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if key is None:
            return self.inner(environ, start_response)
        page = self.pages.get(key)
        if page is not None and self._holds(page, environ.get("HTTP_IF_NONE_MATCH", "")):
            start_response("304 NOT MODIFIED", list(page.headers))
            return (b"",)

        def noting(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            note = environ.get(NOTE)
            if note is not None and status.startswith(("200", "304")):
                self._keep(key, note, headers)
            return start_response(status, headers, *error)

        return self.inner(environ, noting)

    def _key(self, environ: dict[str, Any]) -> bytes | None:
        """Who asks for what and how; None where there is no sound and young session."""
        query = environ.get("QUERY_STRING", "")
        cookies = named(environ.get("HTTP_COOKIE", ""))
        if self.cookie not in cookies or len(query) > LONGEST_QUERY:
            return None
        found = self.sessions.read(cookies[self.cookie])
        if found is None or datetime.now(UTC) - found[1] > RENEW:
            return None
        # Without when and how it was signed: a renewed cookie is the same session.
        who, language = cookies[self.cookie].rsplit(".", 2)[0], cookies.get("language")
        asked = (who, environ["PATH_INFO"], query, language, *map(environ.get, _TELLING))
        return blake2b(repr(asked).encode(), digest_size=16).digest()

    def _holds(self, page: _Page, given: str) -> bool:
        if page.tag not in given or page.tag not in [one.strip() for one in given.split(",")]:
            return False
        if not page.note.holds():
            return False
        try:
            return bool(self.reader(page.note.session) == page.note.state)
        except Exception:  # whatever the database has, the application says in words
            log.warning("a page could not be compared", exc_info=True)
            return False

    def _keep(self, key: bytes, note: Note, headers: list[tuple[str, str]]) -> None:
        named = {name.lower(): value for name, value in headers}
        if "etag" not in named:
            return
        page = _Page(named["etag"], note, [one for one in headers if one[0].lower() not in _OWN])
        with self.lock:
            self.pages[key] = page
            self.pages.move_to_end(key)
            if len(self.pages) > KEPT:
                self.pages.popitem(last=False)
