"""Settings for administrators: areas, what holds, what is to come, history, and the forms to change and correct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.kernel.settings import Judged, Row, SettingDef, in_force
from fieldapp.platform.extensions import db
from fieldapp.platform.web import inputs
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import needs
from fieldapp.platform.web.render import render
from fieldapp.services.settings.commands import allowed_words
from fieldapp.services.settings.models import Setting
from fieldapp.services.settings.queries import (
    JUDGED,
    SETTINGS,
    entries_of,
    row_of,
    row_words,
    rows_at,
    scope_of,
    value,
    words_of,
)
from fieldapp.services.settings.schemas import MOST_COLUMNS

bp = Blueprint("settings", __name__)

#: How areas are called whose feature's name does not say it; the others are called as their feature's pages.
_AREAS: Mapping[str, Any] = {
    "attachments": _l("Photos and files"),
    "devices": _l("Phones"),
    "rescue": _l("Rescue files"),
}


@dataclass(frozen=True)
class Line:
    """An entry for a setting or a row, with who made it. `state`: coming, holds, past, withdrawn or withdrawal."""

    setting: Setting
    who: str
    words: str
    state: str

    @property
    def may_be_withdrawn(self) -> bool:
        """Whether it is a change to come."""
        return self.state == "coming"


@dataclass
class Shown:
    """A setting, or one row of a table: its value of today and its entries, the latest day first."""

    definition: SettingDef
    row: Row
    name: str
    words: str
    default: str
    lines: list[Line] = field(default_factory=list)

    @property
    def coming(self) -> list[Line]:
        """Changes that hold from a later day."""
        return [one for one in self.lines if one.state == "coming"]

    @property
    def query(self) -> str:
        """The row as a query of an address."""
        return f"?row={scope_of(self.row)}" if self.row else ""


def area_name(area: str) -> str:
    """Return how an area is called."""
    # A feature's pages carry its name, so that its words are there in every language.
    return str(_AREAS.get(area) or gettext(area.replace("_", " ").capitalize()))


@dataclass
class Area:
    """An area with the number of its settings and of coming changes."""

    key: str
    name: str
    settings: int = 0
    coming: int = 0


@bp.get("/settings")
@needs("setting.change")
def areas() -> Response:
    """The areas, each with the number of its settings and of coming changes."""
    today = clock.today()
    by_key: dict[str, Area] = {}
    for key, definition in sorted(SETTINGS().items()):
        coming = sum(
            entry is not None and entry.valid_from > today
            for entries in entries_of(key).values()
            for entry in [in_force(entries, date.max, clock.now())]
        )
        area = by_key.setdefault(definition.area, Area(definition.area, area_name(definition.area)))
        area.settings += 1
        area.coming += coming
    return render("services/settings/areas.html", areas=list(by_key.values()))


@bp.get("/settings/areas/<area>")
@needs("setting.change")
def of_area(area: str) -> Response:
    """The settings of an area with their values of today and their coming changes."""
    keys = [key for key, one in sorted(SETTINGS().items()) if one.area == area]
    if not keys:
        raise NotFound("setting.not_found")
    entered = _entered(keys)
    shown = {key: _shown(SETTINGS()[key], entered.get(key, [])) for key in keys}
    return render(
        "services/settings/area.html",
        fragment="services/settings/_area.html",
        area=area,
        name=area_name(area),
        settings=[(SETTINGS()[key], rows) for key, rows in shown.items()],
    )


@bp.route("/settings/<key>", methods=["GET", "POST"])
@needs("setting.change")
def change(key: str) -> Response:
    """A new value of a setting or of a table's row from a day on; the history of what it was."""
    return _form("setting.change", key, _l("Change"), "services/settings/change.html")


@bp.route("/settings/<key>/correct", methods=["GET", "POST"])
@needs("setting.correct")
def correct(key: str) -> Response:
    """What should have held from a day of the past on."""
    return _form("setting.correct", key, _l("Correct the past"), "services/settings/correct.html")


@bp.route("/settings/<uuid:entry>/withdraw", methods=["GET", "POST"])
@needs("setting.withdraw")
def withdraw(entry: UUID) -> Response:
    """Take back a change that is to come."""
    setting = db.session.get(Setting, str(entry))
    if setting is None or setting.act == "withdraw" or setting.key not in SETTINGS():
        raise NotFound("setting.not_found")
    definition = SETTINGS()[setting.key]
    back = url_for("settings.of_area", area=definition.area)
    words = words_of(definition, definition.read(setting.value))
    day = setting.valid_from.isoformat()
    title = gettext("%(label)s: %(value)s from %(day)s", label=definition.label, value=words, day=day)
    return form_page(
        FormPage(
            kind="setting.withdraw",
            agg=("setting", setting.id),
            title=_l("Withdraw a coming change"),
            submit=_l("Withdraw"),
            done=back,
            back=back,
            record_title=gettext("Withdrawn: %(title)s", title=title),
            intro=title,
        )
    )


@bp.get("/settings/corrections/<uuid:entry>")
@needs("setting.correct")
def judged(entry: UUID) -> Response:
    """The records that were judged by what a correction replaced."""
    setting = db.session.get(Setting, str(entry))
    if setting is None or setting.act != "correct" or setting.key not in SETTINGS():
        raise NotFound("setting.not_found")
    definition = SETTINGS()[setting.key]
    finders = [one for one in JUDGED() if setting.key in one.keys]
    records = [record for one in finders for record in one.find(*_span(setting))]
    return render(
        "services/settings/judged.html",
        definition=definition,
        row=row_words(definition, row_of(setting.scope, definition)),
        setting=setting,
        words=words_of(definition, definition.read(setting.value)),
        known=bool(finders),
        records=[(one, _arrived_later(one, setting.recorded_at)) for one in records],
        names=_names({one.user_id for one in records}),
    )


def _span(setting: Setting) -> tuple[datetime, datetime]:
    """When a record was written that a correction would have judged otherwise: its days, until it was known."""
    start = clock.day_bounds(setting.valid_from)[0]
    following = select(Setting.valid_from).where(
        Setting.key == setting.key,
        Setting.scope == setting.scope,
        Setting.act != "withdraw",
        Setting.valid_from > setting.valid_from,
        Setting.recorded_at <= setting.recorded_at,
    )
    next_day = db.session.scalar(following.order_by(Setting.valid_from).limit(1))
    end = setting.recorded_at if next_day is None else min(setting.recorded_at, clock.day_bounds(next_day)[0])
    return start, end


def _arrived_later(record: Judged, corrected_at: datetime) -> bool:
    return record.received_at is not None and record.received_at > corrected_at


def _form(kind: str, key: str, title: Any, template: str) -> Response:
    definition = SETTINGS().get(key)
    if definition is None:
        raise NotFound("setting.not_found")
    asked = inputs.query("row", most=200)
    rows = _shown(definition, _entered([key]).get(key, []))
    shown = next((one for one in rows if scope_of(one.row) == asked), None)
    if asked and shown is None:
        raise NotFound("setting.not_found")
    is_new_row = bool(definition.columns) and shown is None
    row = shown.row if shown else ()
    back = url_for("settings.of_area", area=definition.area)
    first = clock.today() if definition.at_once or kind == "setting.correct" else clock.today() + timedelta(days=1)
    name = f"{definition.label} · {shown.name}" if shown and shown.name else str(definition.label)
    return form_page(
        FormPage(
            kind=kind,
            agg=("setting", None),
            title=_l("Add a row") if is_new_row else title,
            done=back,
            back=back,
            draft=f"{kind}:{key}:{scope_of(row)}",
            record_title=f"{name}: {{value}}",
            submit=_l("Add a row") if is_new_row else title,
            initial={"key": key, "valid_from": first}
            | {f"row_{number}": text for number, text in enumerate(row, start=1)},
            template=template,
            context={
                "definition": definition,
                "shown": shown,
                "name": name,
                "allowed": allowed_words(definition),
                "columns": list(zip(range(1, MOST_COLUMNS + 1), definition.columns, strict=False))
                if is_new_row
                else [],
                "first": first,
            },
        )
    )


def _shown(definition: SettingDef, entered: list[tuple[Setting, str]]) -> list[Shown]:
    """Return a setting, or the rows of a table: those that hold today, then those that are to come."""
    now = clock.now()
    rows: dict[Row, Any] = rows_at(definition, now) if definition.columns else {(): value(definition.key, now)}
    for one, _ in entered:
        rows.setdefault(row_of(one.scope, definition), None)
    found = []
    for row, held in rows.items():
        own = [(one, who) for one, who in entered if row_of(one.scope, definition) == row]
        usual = definition.rows.get(row) if definition.columns else definition.default
        words, default = ("" if one is None else words_of(definition, one) for one in (held, usual))
        found.append(Shown(definition, row, row_words(definition, row), words, default, _lines(definition, own)))
    return found


def _lines(definition: SettingDef, entered: list[tuple[Setting, str]]) -> list[Line]:
    today, now = clock.today(), clock.now()
    entries = entries_of(definition.key).get(row_of(entered[0][0].scope, definition), []) if entered else []
    holds = in_force(entries, today, now)
    lines = []
    for one, who in entered:
        withdrawn = any(
            other.act == "withdraw" and other.valid_from == one.valid_from and other.recorded_at >= one.recorded_at
            for other, _ in entered
        )
        if one.act == "withdraw":
            state = "withdrawal"
        elif withdrawn:
            state = "withdrawn"
        elif one.valid_from > today:
            state = "coming"
        else:
            state = "holds" if holds is not None and holds.id == one.id else "past"
        words = words_of(definition, definition.read(one.value)) if one.value else ""
        lines.append(Line(one, who, words, state))
    return lines


def _entered(keys: list[str]) -> dict[str, list[tuple[Setting, str]]]:
    """Return the entries of settings with who made them, by key; the latest day first."""
    people = _people()
    query = select(Setting, people.name).join(people.id.table, people.id == Setting.recorded_by)
    query = query.where(Setting.key.in_(keys))
    order = (Setting.valid_from.desc(), Setting.recorded_at.desc(), Setting.id.desc())
    found: dict[str, list[tuple[Setting, str]]] = {}
    for row, name in db.session.execute(query.order_by(*order)):
        found.setdefault(row.key, []).append((row, name))
    return found


def _names(users: set[int]) -> dict[int, str]:
    people = _people()
    rows = db.session.execute(select(people.id, people.name).where(people.id.in_(users)))
    return {user: name for user, name in rows}


def _people() -> Any:
    # Accounts and settings stand beside each other, so names are read from their table.
    return Setting.metadata.tables["user"].c
