"""What a parts request says (D-PART-1)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError, pre_load, validates_schema

from fieldapp.platform.web.fields import Form, Id, choice, day, long_text, money, pick, rows, text, whole
from fieldapp.supply.parts.words import URGENCIES

#: Chosen in place of a catalogue part: the item has a name of its own.
NOT_IN_CATALOGUE = "00000000-0000-0000-0000-000000000000"

MOST_LINES = 20


class LineForm(Form):
    """One item: from the catalogue, or by name and estimated price."""

    part_id = pick(_l("Part"), needed=True)
    name = text(_l("What is it?"), max=100, show_when=f"part_id={NOT_IN_CATALOGUE}", needed=True)
    qty = whole(_l("Quantity"), min=1, max=999, required=True)
    unit_price = money(_l("Unit price"), needed=True)
    note = text(_l("Note"), max=200)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _complete(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        """Without a catalogue part, its name and price; said together with what else is wrong."""
        if not isinstance(original, dict):
            return
        given = {key for key, value in original.items() if value is not None and str(value).strip()}
        if "part_id" in given and original["part_id"] != NOT_IN_CATALOGUE:
            return
        problems: dict[str, list[Any]] = {}
        if "name" not in given:
            where = ("name",) if "part_id" in given else ("part_id", "name")
            problems |= {name: [_l("Please choose a part, or say what it is.")] for name in where}
        if "unit_price" not in given:
            problems["unit_price"] = [_l("Please estimate the price.")]
        if problems:
            raise ValidationError(problems)


class Correct(Form):
    """A returned request as its author sends it again."""

    job_id = pick(_l("Job"))
    lines = rows(_l("Parts"), LineForm, min=1, max=MOST_LINES)
    urgency = choice(_l("Urgency"), URGENCIES.items(), required=True, widget="seg")
    # Whether the day has passed is judged by the author's clock: the record may have waited for signal.
    wanted_on = day(_l("Wanted by"), required=True, latest_days=365)
    reason = long_text(_l("What for"), max=500)

    @pre_load
    def _first_line(self, data: Any, **_: Any) -> Any:
        """A form whose lines were left empty is told so at the first line's fields."""
        return {**data, "lines": [{}]} if isinstance(data, dict) and "lines" not in data else data


class Submit(Correct):
    """A new request."""

    id = Id(required=True)


class Withdraw(Form):
    """Taking a request back needs no words."""
