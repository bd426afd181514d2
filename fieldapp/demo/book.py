"""Read the demo data files, map their keys to ids, and send commands in a person's name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import WEB, Result, execute, web_envelope, writing
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.extensions import db
from fieldapp.services.accounts import actor_of
from fieldapp.services.accounts.models import User

FOLDER = Path(__file__).parent / "data"

Value = TypeVar("Value")


class BadDemo(Exception):
    """The demo data cannot be used; the message names the file and the problem."""


class Book:
    """Ids by the keys of the data files. `today` and `now` are those of the start of the filling."""

    def __init__(self) -> None:
        self.now: datetime = clock.now().replace(microsecond=0)
        self.today: date = clock.local(self.now).date()
        self.users: dict[str, int] = {}
        self.groups: dict[str, int] = {}
        self.jobs: dict[str, str] = {}
        self.visits: dict[tuple[str, int], str] = {}
        self.parts: dict[str, str] = {}
        self.customers: dict[str, str] = {}
        self.sites: dict[str, str] = {}
        self.contacts: dict[str, str] = {}
        self.assets: dict[str, str] = {}
        self._read: dict[str, Any] = {}
        self._actors: dict[str, Actor] = {}
        self._command_count = 0
        self._transaction: ExitStack | None = None
        self._session: Session | None = None

    # -- reading ---------------------------------------------------------------------------------------------

    def data(self, name: str) -> Any:
        """Return the content of `data/<name>.json`. Raise BadDemo."""
        if name not in self._read:
            try:
                self._read[name] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise BadDemo(f"{name}.json: {error}") from error
        return self._read[name]

    @staticmethod
    def resolve(where: str, ids: Mapping[Any, Value], key: Any) -> Value:
        """Return the value of `key`. Raise BadDemo with `where` if there is none."""
        try:
            return ids[key]
        except KeyError:
            raise BadDemo(f"{where}: {key!r} is not in the demo data") from None

    def at(self, days: int, time: str) -> datetime:
        """Return the time `HH:MM` local time, `days` from today, in UTC."""
        hour, minute = (int(part) for part in time.split(":"))
        day = self.today + timedelta(days=days)
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=clock.BUSINESS_ZONE).astimezone(
            self.now.tzinfo
        )

    def not_after_now(self, moment: datetime) -> datetime:
        """Return `moment`, or now if it is in the future."""
        return min(moment, self.now)

    def id(self, *key: Any) -> str:
        """Return a UUID that is the same for the same key at every start. It has version 7, as ids of phones have."""
        bits = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:16], "big")
        return str(UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62))

    # -- writing ---------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """Return the session of a write transaction; it begins at first use and is ended by `run` or `commit`."""
        if self._session is None:
            stack = ExitStack()
            self._session = stack.enter_context(writing())
            self._transaction = stack
        return self._session

    def store(self) -> None:
        """Commit the transaction of `session`, if one is open."""
        if self._transaction is not None:
            stack, self._transaction, self._session = self._transaction, None, None
            stack.close()

    def rollback(self, error: BaseException) -> None:
        """Roll back the transaction of `session`, if one is open."""
        if self._transaction is not None:
            stack, self._transaction, self._session = self._transaction, None, None
            stack.__exit__(type(error), error, error.__traceback__)

    def run(
        self, username: str, kind: str, agg: tuple[str, str], data: dict[str, Any], at: datetime | None = None
    ) -> Result:
        """Execute a command in the person's name, as if it was sent at `at`. Raise BadDemo if it is not accepted."""
        self.store()
        issued_at = self.not_after_now(at or self.now)
        self._command_count += 1
        body = web_envelope(
            op=self.id("op", self._command_count, username, kind, *agg),
            user=self.resolve("people.json", self.users, username),
            kind=kind,
            schema=COMMANDS()[kind].version,
            agg=agg,
            data=data,
            issued=clock.iso(issued_at),
        )
        with clock.standing_at(issued_at), current_app.test_request_context(headers={"Accept-Language": "zh-Hans"}):
            result = execute([body], self._actor(username), WEB)[0]
        if result.outcome != "accepted":
            raise BadDemo(f"{username} {kind} {agg}: {result.outcome} {result.code} {result.problems}")
        return result

    def _actor(self, username: str) -> Actor:
        if username not in self._actors:
            user = db.session.scalar(select(User).where(User.username == username))
            if user is None:
                raise BadDemo(f"people.json: no {username}")
            self._actors[username] = actor_of(user.id)
        return self._actors[username]
