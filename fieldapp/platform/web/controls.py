"""From a schema's fields to what a form template needs to draw them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from marshmallow import Schema, fields, validate

from fieldapp.kernel import clock
from fieldapp.platform.web import show_when
from fieldapp.platform.web.fields import MAX_MONEY, _Day, _LocalTime


@dataclass
class Control:
    """One control of a form. `attrs` are the HTML constraints that follow from the schema."""

    name: str
    label: Any
    widget: str
    required: bool = False
    hint: Any = ""
    value: Any = ""
    errors: list[str] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)
    options: list[tuple[str, Any]] = field(default_factory=list)
    option_fills: dict[str, dict[str, str]] = field(default_factory=dict)
    show_when: str = ""
    #: Does not apply to the values shown: a browser with scripts hides it from the start.
    off: bool = False
    rows: list[list[Control]] = field(default_factory=list)
    blank_row: list[Control] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The element's id; `err-<id>` is its message's."""
        return self.name.replace(".", "-")

    @staticmethod
    def by_field(cells: Sequence[Control]) -> dict[str, Control]:
        """Return the controls of one of `rows` by the names of their fields."""
        return {cell.name.rpartition(".")[2]: cell for cell in cells}


def controls(
    schema: Schema,
    values: Mapping[str, Any],
    problems: Mapping[str, list[str]],
    options: Mapping[str, Any],
    prefix: str = "",
) -> list[Control]:
    """All controls of a schema in the order of its fields. `options` gives the choices of `pick` fields by name."""
    made = []
    for name, one in schema.load_fields.items():
        if one.metadata.get("widget", "text") == "none":
            continue
        made.append(_control(one, name, f"{prefix}{name}", values.get(name), problems, options))
    return made


def switch_off(made: Sequence[Control]) -> dict[str, list[str]]:
    """Mark what does not apply; return the values that count. What is off itself decides nothing (show-when.ts)."""
    values = {one.name: _chosen(one) for one in _each(made)}
    for one in _each(made):
        if one.show_when and not show_when.holds(one.show_when, values):
            for inner in _each([one]):
                inner.off = True
                values.pop(inner.name, None)
    for one in _each(made):
        for blank in _each(one.blank_row):
            blank.off = bool(blank.show_when) and not show_when.holds(blank.show_when, {})
    return values


def _each(made: Sequence[Control]) -> Iterator[Control]:
    for one in made:
        yield one
        for row in one.rows:
            yield from _each(row)


def _chosen(one: Control) -> list[str]:
    if one.widget == "rows":
        return []
    if one.widget == "check":
        return ["true"] if one.value else []
    return [str(one.value)]


def _control(
    one: fields.Field,
    name: str,
    full: str,
    value: Any,
    problems: Mapping[str, list[str]],
    options: Mapping[str, Any],
) -> Control:
    meta = one.metadata
    control = Control(
        name=full,
        label=meta.get("label", name),
        widget=meta.get("widget", "text"),
        required=one.required,
        hint=meta.get("hint", ""),
        value=_shown(value),
        errors=list(problems.get(full, [])),
        attrs=_constraints(one),
        show_when=show_when.qualified(meta.get("show_when", ""), full.removesuffix(name)),
    )
    if control.widget == "rows":
        _add_rows(control, meta, value, problems, options)
    else:
        given = options.get(name, meta.get("options") or ())
        choices = list(given() if callable(given) else given)
        control.options = [(str(choice[0]), choice[1]) for choice in choices]
        control.option_fills = {str(choice[0]): choice[2] for choice in choices if len(choice) > 2}
    if meta.get("needed"):
        # Required wherever it is shown; the schema asks for it together with what shows it.
        control.required = control.attrs["required"] = True
    if "differs" in meta:
        control.attrs["data-differs"] = meta["differs"]
    if "list_for" in meta:
        control.attrs["list"] = f"list-{meta['list_for']}"
    for key in ("inputmode", "autocomplete", "placeholder"):
        if key in meta:
            control.attrs[key] = meta[key]
    control.attrs = {name: limit for name, limit in control.attrs.items() if _applies(name, control.widget)}
    return control


#: What HTML knows only of texts, only of numbers and days, and not of a list of choices.
_OF_TEXT = frozenset({"minlength", "maxlength", "pattern"})
_OF_RANGE = frozenset({"min", "max", "step"})


def _applies(name: str, widget: str) -> bool:
    """Whether a control of this kind may carry the attribute."""
    if widget in {"number", "money", "date", "datetime", "month"}:
        return name not in _OF_TEXT
    if widget == "select":
        return name not in _OF_TEXT | _OF_RANGE | {"inputmode", "placeholder", "list"}
    return widget == "rows" or name not in _OF_RANGE


def _add_rows(
    control: Control, meta: Mapping[str, Any], value: Any, problems: Mapping[str, list[str]], options: Mapping[str, Any]
) -> None:
    schema: Schema = meta["row"]()
    given = value if isinstance(value, list) else []
    shown = [row if isinstance(row, Mapping) else {} for row in given] or [{}] * max(1, meta["min"])
    control.attrs |= {"min": meta["min"], "max": meta["max"]}
    control.rows = [
        controls(schema, row, problems, options, f"{control.name}.{index}.") for index, row in enumerate(shown)
    ]
    control.blank_row = controls(schema, {}, {}, options, f"{control.name}.__i__.")


def _shown(value: Any) -> Any:
    """A value as its control wants it in HTML."""
    if isinstance(value, datetime):
        return clock.local(value).strftime("%Y-%m-%dT%H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list):
        return json.dumps(value, separators=(",", ":"))
    return "" if value is None else value


def _constraints(one: fields.Field) -> dict[str, Any]:
    attrs: dict[str, Any] = {"required": True} if one.required else {}
    if isinstance(one, _Day):
        low, high = one.bounds()
        attrs |= _given(min=low and low.isoformat(), max=high and high.isoformat())
        # A kept page is days old when it is used: the phone counts from the day of writing.
        days = {"data-min-days": one.earliest_days, "data-max-days": one.latest_days}
        attrs |= {name: number for name, number in days.items() if number is not None}
    if isinstance(one, _LocalTime):
        latest = one.latest()
        attrs |= _given(max=latest and _shown(latest))
    if isinstance(one, fields.Decimal):
        attrs |= {"inputmode": "decimal", "step": "0.01"}
    elif isinstance(one, fields.Integer):
        attrs |= {"inputmode": "numeric", "step": "1"}
    for check in one.validators:
        attrs |= _from_validator(check, isinstance(one, fields.List))
    if attrs.get("max") == str(MAX_MONEY):
        attrs["maxlength"] = len(str(MAX_MONEY))
    return attrs


def _from_validator(check: Any, listed: bool) -> dict[str, Any]:
    if isinstance(check, validate.Length):
        return {} if listed else _given(minlength=check.min, maxlength=check.max)
    if isinstance(check, validate.Range):
        return {name: str(limit) for name, limit in _given(min=check.min, max=check.max).items()}
    return {"pattern": check.regex.pattern} if isinstance(check, validate.Regexp) else {}


def _given(**limits: Any) -> dict[str, Any]:
    return {name: limit for name, limit in limits.items() if limit is not None}
