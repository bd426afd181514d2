"""The limit of what one person may have stored in a day without any of it being taken in.

Every well-formed envelope is stored, also a refused one. So whoever sends refused records without end would fill the
disk. Beyond the limit they are answered `busy` and are not stored: the phone keeps them and sends them again later.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext
from sqlalchemy import Connection, func, literal_column, select

from fieldapp.platform.commandbus.channels import IMPORT
from fieldapp.platform.commandbus.models import Quarantine, Receipt
from fieldapp.platform.commandbus.result import Result
from fieldapp.platform.extensions import SETTING_VALUE

PERIOD = timedelta(days=1)

#: Answers that promise nothing about storage; the phone sends the same bytes again.
KEPT_BY_PHONE = frozenset({"busy", "unsupported_schema", "wrong_user"})


class NoRoom(Exception):
    """Records that cannot be stored because too many of their sender's were refused; `answers` by their hashes."""

    def __init__(self, answers: dict[str, Result]) -> None:
        super().__init__()
        self.answers = answers


@dataclass
class Room:
    """What still may be stored of refused records: how many, and how many bytes."""

    records: int
    size: int

    def take(self, size: int) -> bool:
        """Take the room of one record; False where it does not fit."""
        if self.records < 1 or self.size < size:
            return False
        self.records -= 1
        self.size -= size
        return True


def room_left(connection: Connection, user_id: int, now: datetime, batch: Collection[str]) -> Room:
    """Return the room this person has left today.

    Receipts of the present `batch` and of rescue files, which have limits of their own, do not count.
    """
    value = SETTING_VALUE()
    megabytes = int(value("records.refused_megabytes_a_day", now))
    room = Room(int(value("records.refused_a_day", now)), megabytes * 1024 * 1024)
    since = now - PERIOD
    refused = (
        Receipt.user_id == user_id,
        # A literal, as in the condition of the index.
        Receipt.outcome != literal_column("'accepted'"),
        Receipt.received_at > since,
        Receipt.channel != IMPORT.name,
        Receipt.op.not_in(batch),
    )
    quarantined = (Quarantine.sender_id == user_id, Quarantine.received_at > since)
    for body, conditions in ((Receipt.body, refused), (Quarantine.body, quarantined)):
        count, size = connection.execute(select(func.count(), _size(connection, body)).where(*conditions)).one()
        room.records -= count
        room.size -= size
    return room


def in_quarantine(connection: Connection, digests: Collection[str]) -> set[str]:
    """Return which of these records are in quarantine already; sent again, they take no more room."""
    return set(connection.scalars(select(Quarantine.sha256).where(Quarantine.sha256.in_(digests))))


def _size(connection: Connection, body: Any) -> Any:
    # On PostgreSQL the length in bytes is known without unpacking the text; SQLite before 3.43 counts only characters.
    length = func.octet_length if connection.dialect.name == "postgresql" else func.length
    return func.coalesce(func.sum(length(body)), 0)


def not_stored_answer(result: Result) -> Result:
    """Return the answer to a record that is not stored for want of room."""
    if result.outcome in KEPT_BY_PHONE:
        return result
    words = gettext("Too many refused records in one day. Nothing is lost: it stays here and can be sent later.")
    return Result(result.op, result.sha256, "busy", problems={"_": [words]}, code="record.too_many_refused")
