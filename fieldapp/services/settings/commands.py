"""Changing, correcting and withdrawing settings (D-SET-1)."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import Conflict, Invalid
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.settings import Row, SettingDef, tie
from fieldapp.platform.commandbus import Context, Effect, command, require_new
from fieldapp.platform.commandbus import record as record_loader
from fieldapp.services.settings.models import Setting
from fieldapp.services.settings.queries import (
    SETTINGS,
    entries_of,
    forget,
    row_words,
    rows_on,
    scope_of,
    value_on,
)
from fieldapp.services.settings.schemas import MOST_COLUMNS, Change, Correct, Withdraw

_TOO_EARLY = _l("A change holds from tomorrow at the earliest: what was written today keeps the value of today.")


def may_change(actor: Actor, record: Any) -> bool:
    """Allow administrators only (docs/rules/02-roles.md)."""
    return "admin" in actor.roles


def _lift(data: dict[str, Any]) -> dict[str, Any]:
    """Read what builds before two times wrote: `effective_on` is now `valid_from`."""
    lifted = dict(data)
    if "effective_on" in lifted:
        lifted["valid_from"] = lifted.pop("effective_on")
    return lifted


@command("setting.change", label=_l("Change a setting"), schema=Change, may=may_change, version=2, lifts=(_lift,))
def change(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Enter a value that holds from a later day on; at once where the definition allows it."""
    definition, row = _asked(ctx, data)
    today = clock.local(ctx.now).date()
    if data["valid_from"] <= today and not definition.at_once:
        raise Invalid.field("valid_from", _TOO_EARLY)
    return _enter(ctx, "change", definition, row, data)


@command("setting.correct", label=_l("Correct a setting of the past"), schema=Correct, may=may_change)
def correct(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Enter what should have held from a past day on. Records that are written already keep their judgement."""
    definition, row = _asked(ctx, data)
    if data["valid_from"] > clock.local(ctx.now).date():
        raise Invalid.field("valid_from", _l("This day is still to come: enter a change instead."))
    return _enter(ctx, "correct", definition, row, data)


@command(
    "setting.withdraw",
    label=_l("Withdraw a coming change"),
    schema=Withdraw,
    load=record_loader(Setting),
    may=may_change,
)
def withdraw(ctx: Context, record: Setting, data: dict[str, Any]) -> Effect:
    """Take back what is to hold from a later day. What holds already can only be changed or corrected."""
    if record.valid_from <= clock.local(ctx.now).date():
        raise Conflict("setting.holds_already", _l("This change holds already. Enter a new one instead."))
    same = select(Setting.id).where(
        Setting.key == record.key,
        Setting.scope == record.scope,
        Setting.valid_from == record.valid_from,
        Setting.act == "withdraw",
        Setting.recorded_at >= record.recorded_at,
    )
    if record.act == "withdraw" or ctx.exists(same):
        raise Conflict("setting.withdrawn", _l("This change was withdrawn already."))
    ctx.session.add(
        Setting(
            id=ctx.envelope.op,
            key=record.key,
            scope=record.scope,
            act="withdraw",
            valid_from=record.valid_from,
            recorded_at=ctx.now,
            recorded_by=ctx.actor.id,
            reason=data["reason"],
        )
    )
    forget()
    about = {"key": record.key, "scope": record.scope, "valid_from": record.valid_from.isoformat()}
    return Effect(ver=2, before={**about, "value": record.value}, after={**about, "reason": data["reason"]})


def _asked(ctx: Context, data: dict[str, Any]) -> tuple[SettingDef, Row]:
    """Return the definition and the row that the data name, also by a former key. Raise Invalid, Conflict."""
    require_new(ctx, data, Setting, _l("This change was already made."))
    key = data["key"]
    for definition in SETTINGS().values():
        if key in definition.formerly:
            return definition, definition.row(definition.formerly[key])
    known = SETTINGS().get(key)
    if known is None:
        raise Invalid.field("key", _l("There is no such setting."))
    given = [data.get(f"row_{number}", "") for number in range(1, MOST_COLUMNS + 1)]
    for number in range(MOST_COLUMNS):
        try:
            row = known.row(given[: number + 1])
        except ValueError:
            raise Invalid.field(f"row_{number + 1}", _l("Please choose one of these.")) from None
    return known, row


def _enter(ctx: Context, act: str, definition: SettingDef, row: Row, data: dict[str, Any]) -> Effect:
    """Store the entry. Raise Invalid where the value cannot be read or a table would have two equally exact rows."""
    held, since = _value(definition, data["value"]), data["valid_from"]
    _no_tie(ctx, definition, row, since)
    before = value_on(definition, row, since, ctx.now)
    ctx.session.add(
        Setting(
            id=ctx.id,
            key=definition.key,
            scope=scope_of(row),
            act=act,
            value=definition.text(held),
            valid_from=since,
            recorded_at=ctx.now,
            recorded_by=ctx.actor.id,
            reason=data["reason"],
        )
    )
    forget()
    about = {"key": definition.key, "valid_from": since.isoformat()}
    if row:
        about["row"] = scope_of(row)
    return Effect(
        ver=1,
        before={**about, "value": None if before is None else definition.text(before)},
        after={**about, "act": act, "value": definition.text(held), "reason": data["reason"]},
    )


def _no_tie(ctx: Context, definition: SettingDef, row: Row, since: date) -> None:
    """Refuse a row that another one, then or later in force, equals in exactness for the same case."""
    if not definition.columns:
        return
    days = {since, *(one.valid_from for some in entries_of(definition.key).values() for one in some)}
    rows = {one for day in days if day >= since for one in rows_on(definition, day, ctx.now)}
    if (other := tie(row, rows)) is not None:
        words = gettext(
            "The row “%(row)s” would fit equally well. Name one column more.", row=row_words(definition, other)
        )
        raise Invalid.field("row_1", words)


def _value(definition: SettingDef, text: str) -> Any:
    """Return the typed value. Raise Invalid at `value`."""
    try:
        return definition.read(text)
    except (ValueError, ArithmeticError):
        raise Invalid.field("value", allowed_words(definition)) from None


def allowed_words(definition: SettingDef) -> str:
    """Return what may be typed for a setting."""
    low, high = definition.low, definition.high
    choices = ", ".join(value for value, _ in definition.choices)
    return {
        "whole": gettext("A whole number between %(low)s and %(high)s, please.", low=low, high=high),
        "amount": gettext("A number between %(low)s and %(high)s, please.", low=low, high=high),
        "percentage": gettext("A number between %(low)s and %(high)s, please.", low=low, high=high),
        "text": gettext("At most %(high)s characters, please.", high=high),
        "day": gettext("A day like 2026-11-30, please."),
        "time": gettext("A time like 08:30, please."),
        "choice": gettext("One of these, please: %(choices)s", choices=choices),
        "yes_no": gettext("One of these, please: %(choices)s", choices="yes, no"),
    }[definition.kind]
