"""The book of the demo: its data, who and what was made from them, and the one way to act in somebody's name."""

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
    """The demo data cannot be used: the file and what is wrong with it."""


class Book:
    """Everything by the keys that the data files use. `today` and `now` are those of the start of the filling."""

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
        self._runs = 0
        self._transaction: ExitStack | None = None
        self._session: Session | None = None

    # -- reading ---------------------------------------------------------------------------------------------

    def data(self, name: str) -> Any:
        """The content of `data/<name>.json`. Raises BadDemo."""
        if name not in self._read:
            try:
                self._read[name] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise BadDemo(f"{name}.json: {error}") from error
        return self._read[name]

    @staticmethod
    def known(where: str, things: Mapping[Any, Value], key: Any) -> Value:
        """What `key` stands for. Raises BadDemo naming the place where it is used."""
        try:
            return things[key]
        except KeyError:
            raise BadDemo(f"{where}: {key!r} is not in the demo data") from None

    def at(self, days: int, time: str) -> datetime:
        """`HH:MM` on the day `days` from today at the place of business, in UTC."""
        hour, minute = (int(part) for part in time.split(":"))
        day = self.today + timedelta(days=days)
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=clock.BUSINESS_ZONE).astimezone(
            self.now.tzinfo
        )

    def past(self, moment: datetime) -> datetime:
        """`moment`, but never later than now: what has happened has happened."""
        return min(moment, self.now)

    def id(self, *key: Any) -> str:
        """The same UUID for the same key at every start; formed as version 7 so that it may stand anywhere."""
        bits = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:16], "big")
        return str(UUID(int=bits & ~(0xF << 76) & ~(0x3 << 62) | 7 << 76 | 2 << 62))

    # -- writing ---------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The session of a write transaction, begun at first use and ended by `run` or `commit`."""
        if self._session is None:
            stack = ExitStack()
            self._session = stack.enter_context(writing())
            self._transaction = stack
        return self._session

    def keep(self) -> None:
        """Ends the transaction of `session`, if one is open."""
        if self._transaction is not None:
            stack, self._transaction, self._session = self._transaction, None, None
            stack.close()

    def give_up(self, error: BaseException) -> None:
        """Rolls back what `session` has written."""
        if self._transaction is not None:
            stack, self._transaction, self._session = self._transaction, None, None
            stack.__exit__(type(error), error, error.__traceback__)

    def run(
        self, username: str, kind: str, agg: tuple[str, str], data: dict[str, Any], at: datetime | None = None
    ) -> Result:
        """Sends a real command through the door as this person, as if it were `at` then. Raises BadDemo if refused."""
        self.keep()
        moment = self.past(at or self.now)
        self._runs += 1
        body = web_envelope(
            op=self.id("op", self._runs, username, kind, *agg),
            user=self.known("people.json", self.users, username),
            kind=kind,
            schema=COMMANDS()[kind].version,
            agg=agg,
            data=data,
            issued=clock.iso(moment),
        )
        with clock.standing_at(moment), current_app.test_request_context(headers={"Accept-Language": "zh-Hans"}):
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
