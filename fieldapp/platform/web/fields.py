"""Field types that features build their schemas from.

One declaration gives the server's checks, the constraints in the HTML, the words at the field and the wire format.
Every type says in its metadata how it is shown: `label`, `widget`, `hint`, `show_when`, `fills`; and whether its
values are `personal`, so that they are erased with the person (ADR 38): typed text, positions and signatures are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from marshmallow import Schema, ValidationError, fields, pre_load, validate, validates_schema

from fieldapp.kernel import clock, ids
from fieldapp.platform.web.inputs import MOST_BIG, MOST_INTEGER, MOST_NAME, storable

MAX_MONEY = Decimal("9999999.99")
#: Fields of one record or row, and signs of a text whose field names no limit.
MOST_FIELDS, MOST_TEXT = 200, 2000

# marshmallow speaks English; every message a person can see is said in the person's language.
fields.Field.default_error_messages.update(
    required=_l("Please fill this in."),
    null=_l("Please fill this in."),
    validator_failed=_l("This value cannot be used."),
)
fields.String.default_error_messages.update(invalid=_l("This is not text."), invalid_utf8=_l("This is not text."))
fields.Integer.default_error_messages.update(
    invalid=_l("Please enter a whole number."), too_large=_l("This number is too large.")
)
fields.Decimal.default_error_messages.update(
    invalid=_l("Please enter a number."),
    special=_l("Please enter a number."),
    too_large=_l("This number is too large."),
)
fields.Boolean.default_error_messages.update(invalid=_l("Please choose yes or no."))
fields.Date.default_error_messages.update(
    invalid=_l("Please enter a date."), format=_l("Please enter a date."), invalid_awareness=_l("Please enter a date.")
)
fields.List.default_error_messages.update(invalid=_l("This is not a list."))
fields.Nested.default_error_messages.update(type=_l("This is not in the right form."))
Schema.error_messages = {
    "type": _l("This is not in the right form."),
    "unknown": _l("This field is not known here."),
}


class Length(validate.Length):
    """Length with words in the person's language."""

    message_min = _l("At least {min} characters, please.")
    message_max = _l("At most {max} characters, please.")
    message_all = _l("Between {min} and {max} characters, please.")
    message_equal = _l("Exactly {equal} characters, please.")


class Rows(validate.Length):
    """How many rows a list may have."""

    message_min = _l("At least {min} rows, please.")
    message_max = _l("At most {max} rows, please.")
    message_all = _l("Between {min} and {max} rows, please.")


class Range(validate.Range):
    """Range with words in the person's language, found when something is wrong and not at import."""

    def _format_error(self, value: Any, message: str) -> str:
        if self.min is not None and self.max is not None:
            return gettext("Must be between %(min)s and %(max)s.", min=self.min, max=self.max)
        if self.min is not None:
            return gettext("Must be %(min)s or more.", min=self.min)
        return gettext("Must be %(max)s or less.", max=self.max)


class Choices(validate.OneOf):
    """One of the given values; `labels` are shown."""

    default_message = _l("Please choose one of these.")


class BoundedList(fields.List[Any]):
    """A list whose length is looked at before its rows are: checking 100,000 empty rows takes seconds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            for check in self.validators:
                if isinstance(check, validate.Length) and check.max is not None and len(value) > check.max:
                    check(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Form(Schema):
    """Base of every schema: unknown fields are refused, blanks count as left out, control characters are refused.

    Whole numbers and texts are bounded here where their fields do not say how large they may be.
    """

    def on_bind_field(self, field_name: str, field_obj: fields.Field) -> None:
        """Bounds what a field leaves open, so that every value can be stored and no answer grows with the request."""
        if isinstance(field_obj, fields.Integer):
            if not any(isinstance(check, validate.Range) and check.max is not None for check in field_obj.validators):
                field_obj.validators.append(Range(min=-MOST_BIG, max=MOST_BIG))
        elif isinstance(field_obj, fields.String) and not (field_obj.validators or isinstance(field_obj, Id)):
            field_obj.validators.append(Length(max=MOST_TEXT))

    @pre_load
    def _tidy(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if len(data) > MOST_FIELDS or not all(isinstance(name, str) and len(name) <= MOST_NAME for name in data):
            raise ValidationError([_l("This record holds fields that are not known here.")])
        tidy: dict[str, Any] = {}
        for name, value in data.items():
            kept = value.strip().replace("\r\n", "\n") if isinstance(value, str) else value
            if kept is None or kept == "":
                continue
            if isinstance(kept, str) and not storable(kept):
                raise ValidationError({name: [_l("This text holds characters that cannot be stored.")]})
            tidy[name] = kept
        return tidy

    @validates_schema
    def _differ(self, data: Any, **_: Any) -> None:
        for name, other in differing(self).items():
            if data.get(name) is not None and data.get(name) == data.get(other):
                raise ValidationError({name: [_l("Please choose another person.")]})


def differing(schema: Schema) -> dict[str, str]:
    """Return the fields of `schema` that may not have the value of another one, with that other one's name."""
    found = {name: one.metadata.get("differs") for name, one in schema.load_fields.items()}
    return {name: str(other) for name, other in found.items() if other}


class Id(fields.String):
    """A client-made or server-made UUID, in canonical form; usually hidden."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = kwargs.setdefault("metadata", {})
        metadata.setdefault("widget", "hidden")
        metadata.setdefault("personal", False)
        super().__init__(**kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not ids.is_uuid(value):
            raise ValidationError([_l("This record is not known.")])
        return str(value)


def _meta(label: Any, widget: str, hint: Any, extra: dict[str, Any], *, personal: bool = False) -> dict[str, Any]:
    return {"label": label, "widget": widget, "hint": hint, "personal": personal, **extra}


def text(label: Any, *, max: int = 100, required: bool = False, hint: Any = "", **extra: Any) -> fields.String:
    """One line of text of at most `max` characters. Personal unless `personal=False` is given."""
    widget = extra.pop("widget", "text")
    metadata = _meta(label, widget, hint, extra, personal=True)
    return fields.String(required=required, validate=Length(max=max), metadata=metadata)


def long_text(label: Any, *, max: int = 2000, required: bool = False, hint: Any = "", **extra: Any) -> fields.String:
    """Several lines of text of at most `max` characters."""
    return text(label, max=max, required=required, hint=hint, widget="textarea", **extra)


#: Digits as people write them: `1e5` is no amount.
_AMOUNT = re.compile(r"\s*[+-]?(\d{1,30}(\.\d{0,9})?|\.\d{1,9})\s*")


class _Amount(fields.Decimal):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        if isinstance(value, bool | float) or not _AMOUNT.fullmatch(str(value)[:41]):
            raise self.make_error("invalid")
        number = super()._deserialize(value, attr, data, **kwargs)
        if number.adjusted() > 12:
            raise self.make_error("too_large")
        if number != number.quantize(Decimal("0.01")):
            raise ValidationError([_l("At most two decimal places, please.")])
        return number.quantize(Decimal("0.01"))


def money(label: Any, *, required: bool = False, hint: Any = "", **extra: Any) -> fields.Decimal:
    """A positive amount of yuan with at most two decimal places, sent as text (`46.00`)."""
    return _Amount(
        required=required,
        validate=Range(min=Decimal("0.01"), max=MAX_MONEY),
        metadata=_meta(label, "money", hint, extra),
    )


def whole(
    label: Any, *, min: int = 0, max: int = 9999, required: bool = False, hint: Any = "", **extra: Any
) -> fields.Integer:
    """A whole number."""
    return _Whole(required=required, validate=Range(min=min, max=max), metadata=_meta(label, "number", hint, extra))


def counter(max: int = MOST_INTEGER) -> fields.Integer:
    """A whole number that the page fills in: an id or a count of ours, as large as its column."""
    return _Whole(required=True, validate=Range(min=0, max=max), metadata=_meta("", "hidden", "", {}))


class _Whole(fields.Integer):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool | float) or (isinstance(value, str) and not re.fullmatch(r"[+-]?\d{1,18}", value)):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class _Day(fields.Date):
    def __init__(self, earliest_days: int | None, latest_days: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.earliest_days = earliest_days
        self.latest_days = latest_days

    def bounds(self) -> tuple[date | None, date | None]:
        today = clock.today()
        low = None if self.earliest_days is None else today + timedelta(days=self.earliest_days)
        high = None if self.latest_days is None else today + timedelta(days=self.latest_days)
        return low, high

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise self.make_error("invalid", input=value, obj_type="date")
        day: date = super()._deserialize(value, attr, data, **kwargs)
        low, high = self.bounds()
        if high is not None and day > high:
            raise ValidationError([_l("This day lies too far in the future.")])
        if low is not None and day < low:
            raise ValidationError([_l("This day lies too far in the past.")])
        return day


def day(
    label: Any,
    *,
    required: bool = False,
    earliest_days: int | None = None,
    latest_days: int | None = None,
    hint: Any = "",
    **extra: Any,
) -> fields.Date:
    """A calendar day `YYYY-MM-DD`, bounded in days counted from today where given (0 is today)."""
    return _Day(earliest_days, latest_days, required=required, metadata=_meta(label, "date", hint, extra))


class _LocalTime(fields.Field):
    """`YYYY-MM-DDTHH:MM` as typed at the place of business (or an instant with zone) to UTC."""

    def __init__(self, latest_days: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.latest_days = latest_days

    def latest(self) -> datetime | None:
        """Return the last minute that is taken, the end of a day: pages do not follow the time of day."""
        if self.latest_days is None:
            return None
        return clock.day_bounds(clock.today() + timedelta(days=self.latest_days))[1] - timedelta(minutes=1)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValidationError([_l("Please enter a date and time.")]) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=clock.BUSINESS_ZONE)
        if not 2000 <= moment.year < 2200:
            raise ValidationError([_l("Please enter a date and time.")])
        latest = self.latest()
        if latest is not None and moment > latest:
            raise ValidationError([_l("This day lies too far in the future.")])
        return moment.astimezone(clock.now().tzinfo)


def moment(
    label: Any, *, required: bool = False, latest_days: int | None = None, hint: Any = "", **extra: Any
) -> fields.Field:
    """A date and time at the place of business, at most `latest_days` from now where given."""
    return _LocalTime(latest_days, required=required, metadata=_meta(label, "datetime", hint, extra))


Options = Iterable[tuple[str, Any]]


def choice(
    label: Any, options: Options, *, required: bool = False, hint: Any = "", widget: str = "select", **extra: Any
) -> fields.String:
    """One of fixed options `(value, words)`. `widget`: `select`, `seg` (segments) or `stars`."""
    pairs = tuple(options)
    return fields.String(
        required=required,
        validate=Choices([value for value, _ in pairs], labels=[str(value) for value, _ in pairs]),
        metadata=_meta(label, widget, hint, {"options": pairs, **extra}),
    )


def pick(label: Any, *, options: Callable[[], Options] | None = None, required: bool = False, **extra: Any) -> Id:
    """A record chosen from a list that the page supplies; the command checks that it exists."""
    widget = extra.pop("widget", "select")
    return Id(required=required, metadata=_meta(label, widget, extra.pop("hint", ""), {"options": options, **extra}))


def stars(label: Any, *, required: bool = False, hint: Any = "") -> fields.Integer:
    """One to five."""
    return _Whole(required=required, validate=Range(min=1, max=5), metadata=_meta(label, "stars", hint, {}))


def flag(label: Any, *, hint: Any = "", **extra: Any) -> fields.Boolean:
    """Yes or no; not ticked is no."""
    return fields.Boolean(load_default=False, metadata=_meta(label, "check", hint, extra))


def rows(
    label: Any, schema: type[Schema], *, min: int = 0, max: int = 20, hint: Any = "", **extra: Any
) -> fields.List[Any]:
    """Repeatable rows of another schema."""
    metadata = {"label": label, "widget": "rows", "hint": hint, "row": schema, "min": min, "max": max, **extra}
    check = Rows(min=min or None, max=max)
    if min:
        return BoundedList(fields.Nested(schema), required=True, validate=check, metadata=metadata)
    return BoundedList(fields.Nested(schema), load_default=list, validate=check, metadata=metadata)


class Strokes(fields.Field):
    """A signature as strokes in a 600 × 200 box: `[[x,y,x,y,…],…]`, as a list or its JSON text, below 20 kB."""

    LIMIT = 20_000

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[list[int]]:
        if isinstance(value, str):
            if len(value) > self.LIMIT:
                raise ValidationError([_l("The signature is too long. Please sign again.")])
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                value = None
        good = (
            isinstance(value, list)
            and 0 < len(value) <= 500
            and all(
                isinstance(stroke, list)
                and 2 <= len(stroke) <= 4000
                and len(stroke) % 2 == 0
                and all(type(n) is int and -50 <= n <= 650 for n in stroke)
                for stroke in value
            )
        )
        if not good or sum(map(len, value)) > 8000:
            raise ValidationError([_l("This is not a signature. Please sign again.")])
        return list(value)


def signature(label: Any, *, required: bool = False, hint: Any = "", **extra: Any) -> Strokes:
    """A hand-written signature."""
    return Strokes(required=required, metadata=_meta(label, "signature", hint, extra, personal=True))


class Place(Form):
    """Where the phone was: degrees, accuracy in metres, age of the fix in seconds."""

    lat = fields.Float(required=True, allow_nan=False, validate=Range(min=-90, max=90))
    lon = fields.Float(required=True, allow_nan=False, validate=Range(min=-180, max=180))
    accuracy_m = fields.Float(required=True, allow_nan=False, validate=Range(min=0, max=10_000_000))
    age_s = fields.Float(load_default=0, allow_nan=False, validate=Range(min=0, max=10_000_000))


def position() -> fields.Nested:
    """The phone's position, filled in by the phone; never asked of the person."""
    return fields.Nested(Place, metadata={"widget": "none", "personal": True})


def silent(max: int = 40) -> fields.String:
    """Text that the phone fills in and nobody types."""
    return fields.String(validate=Length(max=max), metadata={"widget": "none", "personal": True})
