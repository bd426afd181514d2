"""Form schemas of expenses and claims."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError, fields

from fieldapp.money.expenses.policy import KINDS, normalized_number
from fieldapp.money.expenses.words import KIND_WORDS
from fieldapp.platform.web.fields import BoundedList, Form, Id, Rows, choice, day, long_text, money, pick, text

_KINDS = tuple((kind, KIND_WORDS[kind]) for kind in KINDS)


def _validate_number(value: str) -> None:
    """Require 4 to 24 digits or Latin letters. Raise ValidationError.

    Paper fapiao have a code and 8 digits, fully digital ones 20 digits and no code.
    """
    number = normalized_number(value)
    if not (4 <= len(number) <= 24 and number.isascii()):
        raise ValidationError([_l("Please enter the digits as printed on the fapiao.")])


def _fapiao_field(label: Any, hint: Any = "") -> fields.String:
    # A number of the books, kept with the voucher.
    field = text(label, max=30, hint=hint, inputmode="numeric", autocomplete="off", personal=False)
    field.validators.append(_validate_number)
    return field


class Item(Form):
    """Data of an expense: photo, amount and kind are enough (D-EXP-1). Without a day it is the day of writing."""

    id = Id(required=True)
    amount = money(_l("Amount in yuan"), required=True)
    kind = choice(_l("Kind"), _KINDS, required=True, widget="seg")
    spent_on = day(_l("Day"), hint=_l("Left empty it is today."))
    note = text(_l("Note"), max=200)
    job_id = pick(_l("Job"))
    fapiao_number = _fapiao_field(_l("Fapiao number"), _l("A fully digital fapiao has 20 digits and no code."))
    fapiao_code = _fapiao_field(_l("Fapiao code"))
    fapiao_amount = money(_l("Amount on the fapiao"))


class Correction(Item):
    """Data of a corrected expense."""

    id = Id()


class NoData(Form):
    """Data of a command that needs none."""


class Claim(Form):
    """Data of a claim: its expenses and a note; the server computes the total."""

    id = Id(required=True)
    items = BoundedList(
        Id(), required=True, validate=Rows(min=1, max=100), metadata={"label": _l("Expenses"), "widget": "items"}
    )
    note = long_text(_l("Note to the approver"), max=500)
