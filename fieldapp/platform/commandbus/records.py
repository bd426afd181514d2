"""Load and create the records of commands, and change their states (ADR 41)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, TypeVar

from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict, Invalid, NotFound
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.states import IllegalMove, Machine
from fieldapp.platform.commandbus.command import Context, Data

Row = TypeVar("Row")
Facts = TypeVar("Facts")


@dataclass(frozen=True)
class Loaded(Generic[Row, Facts]):
    """A locked record, and the facts by which permission is judged."""

    record: Row
    facts: Facts


# -- loading: values for `load=` of a command ----------------------------------------------------------------------


def record(
    model: type[Row],
    *,
    key: Callable[[str], Any] = str,
    named_by: str = "",
    missing: str = "record.not_found",
) -> Callable[[Context, Data], Row]:
    """Return the loader of one record, locked: of the envelope, or of the id in the field `named_by`.

    `key` turns the id into the primary key. The loader raises NotFound with the code `missing`.
    """

    def load(ctx: Context, data: Data) -> Row:
        try:
            return ctx.load(model, key(data[named_by] if named_by else ctx.id))
        except NotFound:
            raise NotFound(missing) from None

    return load


def record_or_none(model: type[Row]) -> Callable[[Context, Data], Row | None]:
    """Return the loader of the envelope's record, locked, for commands that create it or change it."""

    def load(ctx: Context, data: Data) -> Row | None:
        return ctx.find(model, ctx.id)

    return load


def record_and_facts(
    model: type[Row], facts_of: Callable[[Row], Facts | None], missing: str = "record.not_found"
) -> Callable[[Context, Data], Loaded[Row, Facts]]:
    """Return the loader of the envelope's record with its facts. It raises NotFound without facts."""

    def load(ctx: Context, data: Data) -> Loaded[Row, Facts]:
        row = ctx.load(model, ctx.id)
        facts = facts_of(row)
        if facts is None:
            raise NotFound(missing)
        return Loaded(row, facts)

    return load


def facts_named(
    field: str, facts_of: Callable[[str], Facts | None], missing: str = "record.not_found"
) -> Callable[[Context, Data], Facts]:
    """Return the loader of the facts of the record whose id is in `field`. It raises NotFound without facts."""

    def load(ctx: Context, data: Data) -> Facts:
        facts = facts_of(data[field])
        if facts is None:
            raise NotFound(missing)
        return facts

    return load


def on_facts(may: Callable[[Actor, Facts], bool]) -> Callable[[Actor, Loaded[Any, Facts]], bool]:
    """Return the policy that judges the facts of a Loaded."""

    @wraps(may)
    def policy(actor: Actor, loaded: Loaded[Any, Facts]) -> bool:
        return may(actor, loaded.facts)

    return policy


# -- creating --------------------------------------------------------------------------------------------------------


def new_id(ctx: Context, data: Data) -> str:
    """Return the id that the phone made for a new record. Raise Invalid unless form and envelope name the same."""
    if data["id"] != ctx.id:
        raise Invalid.field("id", _l("This record is not known."), "record.wrong_id")
    return ctx.id


def require_new(ctx: Context, data: Data, model: type[Any], exists: Any, current: Data | None = None) -> str:
    """Return the id of a new record. Raise Conflict with the words `exists` if it is stored already."""
    record_id = new_id(ctx, data)
    if ctx.find(model, record_id) is not None:
        raise Conflict("record.exists", exists, current)
    return record_id


def create(ctx: Context, data: Data, model: type[Row], exists: Any, **columns: Any) -> Row:
    """Add a new record under the phone's id and return it. Raise Invalid, Conflict as `require_new`.

    The columns of OwnedRecord that the model has are filled in: author, the author's first group, times, version 1.
    """
    standard = {
        "id": require_new(ctx, data, model, exists),
        "owner_id": ctx.actor.id,
        "group_id": min(ctx.actor.groups, default=None),
        "written_at": ctx.at,
        "received_at": ctx.now,
        "ver": 1,
    }
    row = model(**{name: value for name, value in standard.items() if hasattr(model, name)} | columns)
    ctx.session.add(row)
    ctx.session.flush()
    return row


# -- states ----------------------------------------------------------------------------------------------------------


def next_state(machine: Machine, state: str, verb: str, words: Any, code: str, **current: Any) -> str:
    """Return the state after `verb`. Raise Conflict with `words` if the record is no longer in a state for it."""
    try:
        return machine.next(state, verb)
    except IllegalMove:
        raise Conflict(code, words, {"state": state, **current}) from None
