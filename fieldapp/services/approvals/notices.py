"""Messages: notices with the text of their kind."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus.models import Notice
from fieldapp.platform.extensions import AppValue, db
from fieldapp.platform.web.page import moment
from fieldapp.platform.web.typography import unbroken

NOTICES: dict[str, Any] = {}

#: Text of every kind of notice, with parameters as `%(name)s`.
NOTICE_TEXTS: AppValue[dict[str, Any]] = AppValue("notices")


@dataclass(frozen=True)
class Message:
    """A notice as the inbox shows it."""

    id: int
    key: str
    words: str
    url: str
    created_at: datetime


def key_of(notice_id: int) -> str:
    """Return the id by which envelopes name one message: its number as a UUID."""
    return str(UUID(int=notice_id))


def inbox_key(user_id: int) -> str:
    """Return the id by which envelopes name all messages of a person; no message has it."""
    return str(UUID(int=1 << 64 | user_id))


def message_url(actor: Actor, notice_id: int) -> str | None:
    """Return the address that a message links to; None for other people's messages."""
    query = select(Notice.url).where(Notice.id == notice_id, Notice.user_id == actor.id)
    return db.session.scalar(query)


def unread_messages(actor: Actor, limit: int = 50) -> list[Message]:
    """Return the person's unread messages, newest first."""
    sentences = NOTICE_TEXTS()
    query = (
        select(Notice.id, Notice.kind, Notice.params, Notice.url, Notice.created_at)
        .where(Notice.user_id == actor.id, Notice.read_at.is_(None))
        .order_by(Notice.id.desc())
        .limit(limit)
    )
    return [
        Message(notice_id, key_of(notice_id), _format(str(sentences.get(kind, kind)), params), url, created)
        for notice_id, kind, params, url, created in db.session.execute(query)
    ]


def _format(sentence: str, params: dict[str, Any]) -> str:
    return unbroken(sentence % _Params(params)).strip()


class _Params(dict[str, Any]):
    """The parameters of a notice. `when` is formatted in the reader's language; missing names are empty.

    Notices of earlier releases have no `what` or `job`: their number or reference is used.
    """

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if key == "when":
            with suppress(ValueError):
                return moment(clock.parse_iso(value))
        return value

    def __missing__(self, key: str) -> str:
        return str(self.get("number") or self.get("ref") or "") if key in {"what", "job"} else ""
