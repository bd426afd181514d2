"""Declare commands: schema, permission, how the record is loaded, what the command does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar, cast

from flask_babel import lazy_gettext as _l
from marshmallow import Schema, fields
from sqlalchemy import Connection, Table, select
from sqlalchemy.orm import Session

from fieldapp.errors import Conflict, Invalid, NotFound
from fieldapp.kernel import clock
from fieldapp.kernel.actor import SYSTEM_ID, Actor
from fieldapp.platform.commandbus import due_work
from fieldapp.platform.commandbus.channels import Channel
from fieldapp.platform.commandbus.due_work import Due
from fieldapp.platform.commandbus.envelope import Envelope
from fieldapp.platform.commandbus.merge import Merges
from fieldapp.platform.commandbus.models import Notice, Redirect
from fieldapp.platform.commandbus.written import OLD, Measured, WrittenTime, corrected_time
from fieldapp.platform.database import insert_ignoring
from fieldapp.platform.extensions import AppValue, db

Row = TypeVar("Row")
Data = dict[str, Any]
#: Rows by table that are inserted later, in their order.
DeferredInserts = dict[Table, list[Data]]

#: Seconds in which a decision or a deletion can be taken back on a phone (D-ROLE-6).
UNDO = 8


@dataclass(frozen=True)
class Merged:
    """What the comparison by field left to a command that declares `merges`.

    `changes` are the values to write; `theirs` the fields that somebody else had changed meanwhile (the soft mark);
    `kept` the values `(mine, theirs)` of fields in which the office's stays.
    """

    changes: Data = field(default_factory=dict)
    theirs: tuple[str, ...] = ()
    kept: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def written_time(envelope: Envelope, measured: Measured | None, now: datetime, channel: Channel) -> WrittenTime:
    """Return when an envelope was written, by what the server knows of its phone; due work is dated when it was due."""
    if channel.server_made:
        return WrittenTime(min(envelope.device_time, now))
    if not channel.from_phone:
        return WrittenTime(now)
    at = envelope.at
    return corrected_time(clock.parse_iso(at.utc), at.offset_ms, at.offset_age_s, measured, now)


@dataclass
class Context:
    """What a command gets besides its data. Only waiting.py uses `batch`."""

    actor: Actor
    envelope: Envelope
    now: datetime
    channel: Channel
    notices: list[Notice] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    deferred_inserts: DeferredInserts | None = None
    merged: Merged = field(default_factory=Merged)
    batch: Any = None
    #: The principal, where the actor decides as a deputy; the command sets it.
    on_behalf_of: int | None = None
    measured: Measured | None = None

    @cached_property
    def session(self) -> Session:
        """The session in the transaction of the command bus; not opened by commands that only insert."""
        session: Session = db.session()
        return session

    @cached_property
    def written(self) -> WrittenTime:
        """When the author wrote it, by the corrected clock of the phone; for a form post that is now."""
        return written_time(self.envelope, self.measured, self.now, self.channel)

    @property
    def at(self) -> datetime:
        """When it happened on site, at most some minutes later than now."""
        return self.written.at

    @property
    def clock_doubted(self) -> bool:
        """Whether what is known of the phone's clock speaks against its time."""
        return self.written.doubt not in {None, "unseen"}

    @property
    def day(self) -> date:
        """The civil day of writing."""
        return clock.local(self.at).date()

    @property
    def day_of_age(self) -> date:
        """The day by which ages are judged: that of writing, or that of arrival where the clock is in doubt."""
        unproven = self.written.doubt == "unseen" and self.at < self.now - OLD
        return clock.local(self.now).date() if self.clock_doubted or unproven else self.day

    @property
    def id(self) -> str:
        """The id of the record the envelope is about."""
        return self.envelope.agg[1]

    def find(self, model: type[Row], key: Any) -> Row | None:
        """The row, locked for this transaction, or None."""
        return self.session.get(model, key, with_for_update=True)

    def _moved(self, model: type[Row], key: Any) -> Row | None:
        """What took the place of a record that is gone, however often it was merged (failure mode 56)."""
        passed = set()
        while isinstance(key, str) and key not in passed:
            passed.add(key)
            moved = self.session.get(Redirect, (cast(Any, model).__tablename__, key))
            if moved is None:
                return None
            key = moved.to_id
            row = self.find(model, key)
            if row is not None:
                return row
        return None

    def load(self, model: type[Row], key: Any) -> Row:
        """The row, locked for this transaction, also under the id it had before it was merged. Raises NotFound."""
        row = self.find(model, key) or self._moved(model, key)
        if row is None:
            raise NotFound("record.not_found")
        return row

    def notify(self, user_id: int, kind: str, url: str, **params: Any) -> None:
        """Leave a line in a person's inbox; nobody is told of what they did themselves.

        `user_id` must be a person's; the system has no inbox.
        """
        if user_id not in {self.actor.id, SYSTEM_ID}:
            self.notices.append(Notice(user_id=user_id, kind=kind, url=url, params=params, created_at=self.now))

    def schedule(
        self,
        kind: str,
        *,
        key: str,
        agg: tuple[str, str],
        due_at: datetime,
        occurrence: str = "1",
        generation: int = 0,
        late_after: datetime | None = None,
    ) -> None:
        """Let the system execute the command `kind` on `agg` at `due_at`, once (ADR 39).

        Scheduling the same kind, key, occurrence and time again changes nothing. A higher `generation` overtakes what
        waits for this kind and key. From `late_after` on, work that is dropped if late is not done any more.
        """
        self.due.append(Due(kind, key, agg, due_at, occurrence, generation, late_after))

    def leave(self, connection: Connection) -> list[Due]:
        """Write the notices and the due work that the command left; return the latter."""
        if self.notices:
            self.session.add_all(self.notices)
        due_work.write(connection, self.due, self.envelope.op)
        return self.due

    def insert(self, table: Table, row: Data, exists: Any) -> None:
        """Adds the row of a new record. Raises Conflict with the words `exists` where its id is taken.

        The rows of many records may be inserted later in one statement.
        """
        if self.deferred_inserts is not None:
            self.deferred_inserts.setdefault(table, []).append(row)
            return
        connection = self.session.connection()
        key = next(iter(table.primary_key))
        if connection.scalar(insert_ignoring(connection, table).returning(key), row) is None:
            raise Conflict("record.exists", exists)

    def scalars(self, statement: Any) -> list[Any]:
        """Shorthand for rows of one column or entity."""
        return list(self.session.scalars(statement))

    def exists(self, statement: Any) -> bool:
        """Whether the statement finds any row."""
        return self.session.scalar(select(statement.exists())) is True


@dataclass(frozen=True)
class Effect:
    """What a command did: the server's reference and version, and the record before and after for the trail.

    `note` is a sentence for the author, shown with the receipt: what they should know although all was taken in.
    """

    ref: str | None = None
    ver: int | None = None
    before: Data | None = None
    after: Data | None = None
    note: Any = None


Lift = Callable[[Data], Data]


@dataclass(frozen=True)
class Photos:
    """Photos or files that belong to a record: how many of which role (`photo`, `receipt`)."""

    role: str
    label: Any
    most: int = 10
    least: int = 0
    hint: Any = ""


@dataclass(frozen=True)
class Command:
    """One verb on one kind of record. `kind` is also the permission, the audit action and the notice."""

    kind: str
    label: Any
    schema: Schema
    load: Callable[[Context, Data], Any]
    may: Callable[[Actor, Any], bool]
    run: Callable[[Context, Any, Data], Effect]
    version: int = 1
    lifts: tuple[Lift, ...] = ()
    photos: tuple[Photos, ...] = ()
    reads_nothing_from_batch: bool = False
    merges: Merges | None = None
    aggs: tuple[str, ...] | None = None
    undo: int = 0
    own_work: bool = False
    decides: bool = False

    def __post_init__(self) -> None:
        for name in self.merges.fields if self.merges else ():
            if isinstance(self.schema.load_fields[name], fields.Decimal):
                raise TypeError(f"{self.kind}: {name} is money and never merged")

    @property
    def agg_types(self) -> tuple[str, ...]:
        """The types of record the command accepts: what it declares, else the noun of its kind; empty is any."""
        return (self.kind.partition(".")[0],) if self.aggs is None else self.aggs

    def accepts(self, agg_type: str) -> bool:
        """Whether the command may be about a record of this type."""
        return not self.agg_types or agg_type in self.agg_types

    @property
    def oldest(self) -> int:
        """The oldest schema version that is still understood."""
        return self.version - len(self.lifts)

    def check_photos(self, envelope: Envelope) -> None:
        """Refuses roles the record does not have, too many, and too few. Raises Invalid at `photos.<role>`."""
        allowed = {slot.role: slot for slot in self.photos}
        problems: dict[str, list[Any]] = {}
        for note in envelope.atts:
            if note.role not in allowed:
                problems[f"photos.{note.role}"] = [_l("No such files belong to this record.")]
        for role, slot in allowed.items():
            count = sum(note.role == role for note in envelope.atts)
            if count > slot.most:
                problems[f"photos.{role}"] = [_l("At most %(n)s photos, please.", n=slot.most)]
            elif count < slot.least:
                problems[f"photos.{role}"] = [_l("At least %(n)s photos, please.", n=slot.least)]
        if problems:
            raise Invalid("photos.invalid", "", problems)

    def lift(self, data: Data, version: int) -> Data:
        """`data` of an older schema in today's shape."""
        for step in self.lifts[version - self.oldest :]:
            data = step(data)
        return data


def new_record(ctx: Context, data: Data) -> None:
    """`load` of commands that make their record: there is nothing to load yet."""
    return


#: Typed for every record, so that a command without `load` may have a policy of any type.
_NEW: Any = new_record


def command(
    kind: str,
    *,
    label: Any,
    schema: type[Schema],
    may: Callable[[Actor, Row], bool],
    load: Callable[[Context, Data], Row] = _NEW,
    version: int = 1,
    lifts: tuple[Lift, ...] = (),
    photos: tuple[Photos, ...] = (),
    reads_nothing_from_batch: bool = False,
    merges: Merges | None = None,
    aggs: tuple[str, ...] | None = None,
    undo: int = 0,
    own_work: bool = False,
    decides: bool = False,
) -> Callable[[Callable[[Context, Row, Data], Effect]], Command]:
    """Make a Command of a function `(ctx, record, data) -> Effect`; discovery finds it in commands.py.


    `load` says which record the bus loads (`records.record(Model)`). `may(actor, record)` is asked on it, after the
    grant of the verb; both must say yes. The function is given the same record.
    `reads_nothing_from_batch`: the command reads no record that an earlier one of the batch may have inserted, so
    deferred inserts need not be written before it. With `merges`, what the author had seen is compared with what
    holds now, and the function finds in `ctx.merged` and in its data only what is to be written. `aggs` are the
    types of record the envelope may name, by default the noun of `kind`; with an empty tuple, `load` must compare
    the type itself. `undo` is for how many seconds a phone keeps the record back so that its author can take it
    back (D-ROLE-6). `own_work` says that the command only reports what its author did, saw or spent, or puts their
    own records right. Only such commands are taken in without a session (by a phone's token, from a rescue file)
    and from a closed account. A command that decides, plans or administers anything never says it.
    `decides`: the command decides about somebody's record. Both it and `own_work` are judged by what the author held
    when it was written on a phone; every other command by what they hold when it arrives (ADR 40).
    """

    def wrap(run: Callable[[Context, Row, Data], Effect]) -> Command:
        return Command(
            kind,
            label,
            schema(),
            load,
            may,
            run,
            version,
            lifts,
            photos,
            reads_nothing_from_batch,
            merges,
            aggs,
            undo,
            own_work,
            decides,
        )

    return wrap


#: Every command of every feature, by kind.
COMMANDS: AppValue[dict[str, Command]] = AppValue("commands")
