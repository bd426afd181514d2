"""Notices: one line each, with the sentence its feature gives."""

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

#: The sentence of every kind of notice, with its parameters as `%(name)s`.
NOTICE_TEXTS: AppValue[dict[str, Any]] = AppValue("notices")


@dataclass(frozen=True)
class Line:
    """A notice ready to be read."""

    id: int
    key: str
    words: str
    url: str
    created_at: datetime


def key_of(notice_id: int) -> str:
    """Return the id under which envelopes name one message: its number as a UUID."""
    return str(UUID(int=notice_id))


def inbox_key(user_id: int) -> str:
    """Return the id under which envelopes name all messages of a person; no message has it."""
    return str(UUID(int=1 << 64 | user_id))


def url_of(actor: Actor, notice_id: int) -> str | None:
    """Return where a message of this person leads; None for those of others."""
    query = select(Notice.url).where(Notice.id == notice_id, Notice.user_id == actor.id)
    return db.session.scalar(query)


def unread(actor: Actor, limit: int = 50) -> list[Line]:
    """What this person was told and has not ticked off, newest first."""
    sentences = NOTICE_TEXTS()
    query = (
        select(Notice.id, Notice.kind, Notice.params, Notice.url, Notice.created_at)
        .where(Notice.user_id == actor.id, Notice.read_at.is_(None))
        .order_by(Notice.id.desc())
        .limit(limit)
    )
    return [
        Line(one, key_of(one), _said(str(sentences.get(kind, kind)), params), url, created)
        for one, kind, params, url, created in db.session.execute(query)
    ]


def _said(sentence: str, params: dict[str, Any]) -> str:
    return unbroken(sentence % _Told(params)).strip()


class _Told(dict[str, Any]):
    """What a notice was left with. Instants are said in the reader's language; one of before lacks later words."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if key == "when":
            with suppress(ValueError):
                return moment(clock.parse_iso(value))
        return value

    def __missing__(self, key: str) -> str:
        return str(self.get("number") or self.get("ref") or "") if key in {"what", "job"} else ""
