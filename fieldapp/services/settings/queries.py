"""The value of a setting for a record, by its moment of writing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import g
from flask_babel import gettext
from sqlalchemy import Date, ScalarSelect, bindparam, select
from sqlalchemy.orm import aliased

from fieldapp.kernel import clock
from fieldapp.kernel.settings import BETWEEN, Entry, JudgedRecords, Row, SettingDef, in_force, most_exact
from fieldapp.platform.database.statements import Prepared
from fieldapp.platform.extensions import AppValue, reading
from fieldapp.services.settings.models import Setting

#: Every setting of every feature by key.
SETTINGS: AppValue[dict[str, SettingDef]] = AppValue("settings")
#: Which records are judged by which settings.
JUDGED: AppValue[list[JudgedRecords]] = AppValue("judged_records")

#: Entries by key and row, each list by (valid_from, recorded_at).
Entries = dict[str, dict[Row, list[Entry]]]

_entries = Prepared(
    select(Setting.key, Setting.scope, Setting.valid_from, Setting.recorded_at, Setting.act, Setting.value, Setting.id)
    # Ids rise with time: they order what was recorded in one moment.
    .order_by(Setting.valid_from, Setting.recorded_at, Setting.id)
)


def row_of(scope: str, definition: SettingDef) -> Row:
    """Return the row of a stored scope; `()` where the setting is no table."""
    return tuple(scope.split(BETWEEN)) if definition.columns else ()


def scope_of(row: Row) -> str:
    """Return how a row is stored."""
    return BETWEEN.join(row)


def entries_of(key: str) -> dict[Row, list[Entry]]:
    """Return the entries of a setting by row. All settings are read once a request: pages ask for several."""
    known: Entries | None = g.get("setting_entries")
    if known is None:
        known = g.setting_entries = {}
        definitions = SETTINGS()
        for name, scope, *entry in _entries.rows(reading()):
            if (definition := definitions.get(name)) is not None:
                known.setdefault(name, {}).setdefault(row_of(scope, definition), []).append(Entry(*entry))
    return known.get(key, {})


def forget() -> None:
    """Read the entries anew when they are next asked for: this request has written some."""
    g.pop("setting_entries", None)


def value(key: str, written_at: datetime, row: Row = ()) -> Any:
    """Return the value of a setting for what was written at `written_at`; of a table, for the key values `row`.

    It holds on the day of writing (company's zone), as known at that moment, whenever the record arrives. For what a
    page shows of today, ask with the present moment. Raise KeyError for an unknown key.
    """
    definition = SETTINGS()[key]
    if definition.columns:
        return most_exact(rows_at(definition, written_at), row, definition.default)
    return _value(definition, entries_of(key).get((), ()), clock.local(written_at).date(), written_at)


def rows_at(definition: SettingDef, moment: datetime) -> dict[Row, Any]:
    """Return the rows of a table that hold at `moment`: its default rows and the entered ones."""
    return rows_on(definition, clock.local(moment).date(), moment)


def rows_on(definition: SettingDef, day: date, known: datetime) -> dict[Row, Any]:
    """Return the rows of a table that hold on `day` as known at `known`."""
    found = dict(definition.rows)
    for row, entries in entries_of(definition.key).items():
        if (entry := in_force(entries, day, known)) is not None:
            found[row] = definition.read(entry.text)
    return found


def value_on(definition: SettingDef, row: Row, day: date, known: datetime) -> Any:
    """Return what one row holds on `day` as known at `known`; None where a table has no such row."""
    if definition.columns:
        return rows_on(definition, day, known).get(row)
    return _value(definition, entries_of(definition.key).get((), ()), day, known)


def _value(definition: SettingDef, entries: Sequence[Entry], day: date, known: datetime) -> Any:
    entry = in_force(entries, day, known)
    return definition.default if entry is None else definition.read(entry.text)


def value_column(key: str) -> ScalarSelect[str]:
    """Return a column with the text of a setting on the day `on` (a parameter) as known now, to be read with rows."""
    taken_back = aliased(Setting)
    withdrawn = select(taken_back.id).where(
        taken_back.key == key,
        taken_back.act == "withdraw",
        taken_back.valid_from == Setting.valid_from,
        taken_back.recorded_at >= Setting.recorded_at,
    )
    query = select(Setting.value).where(
        Setting.key == key,
        Setting.act != "withdraw",
        Setting.valid_from <= bindparam("on", type_=Date),
        ~withdrawn.correlate(Setting).exists(),
    )
    latest = query.order_by(Setting.valid_from.desc(), Setting.recorded_at.desc(), Setting.id.desc())
    return latest.limit(1).scalar_subquery()


def value_from(key: str, text: str | None) -> Any:
    """Return the value that `value_column` read."""
    definition = SETTINGS()[key]
    return definition.default if text is None else definition.read(text)


def words_of(definition: SettingDef, held: Any) -> str:
    """Return a value as people read it, without its unit."""
    if definition.kind == "yes_no":
        return gettext("Yes") if held else gettext("No")
    if definition.kind == "choice":
        return str(dict(definition.choices).get(held, held))
    return f"{held} %" if definition.kind == "percentage" else definition.text(held)


def row_words(definition: SettingDef, row: Row) -> str:
    """Return how a row is called; "" for a setting that is no table."""
    named = [str(column.words(one)) for column, one in zip(definition.columns, row, strict=True) if one]
    return " · ".join(named) or (gettext("All others") if definition.columns else "")


@dataclass(frozen=True)
class Applied:
    """What applies on a screen: the setting, the row, its value in words and the day since which it holds."""

    definition: SettingDef
    row: str
    words: str
    since: date | None


def applied(keys: Sequence[str], moment: datetime) -> list[Applied]:
    """Return what applies at `moment` of the settings `keys`; tables row by row."""
    day, found = clock.local(moment).date(), []
    for key in keys:
        definition, entries = SETTINGS()[key], entries_of(key)
        rows = rows_on(definition, day, moment) if definition.columns else {(): value(key, moment)}
        for row, held in rows.items():
            entry = in_force(entries.get(row, ()), day, moment)
            words = words_of(definition, held)
            found.append(Applied(definition, row_words(definition, row), words, entry.valid_from if entry else None))
    return found


def applied_version(keys: Sequence[str], moment: datetime) -> str:
    """Return a short text that differs once what applies differs: for the versions of kept pages."""
    said = repr([(one.definition.key, one.row, one.words, one.since) for one in applied(keys, moment)])
    return hashlib.sha256(said.encode()).hexdigest()[:12]
