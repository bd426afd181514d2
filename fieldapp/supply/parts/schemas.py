"""Form schemas of parts requests (D-PART-1)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError, pre_load, validates_schema

from fieldapp.platform.web.fields import Form, Id, choice, day, long_text, money, pick, rows, text, whole
from fieldapp.supply.parts.words import URGENCIES

#: Option of `part_id` for an item that is not in the catalogue.
NOT_IN_CATALOGUE = "00000000-0000-0000-0000-000000000000"

MOST_LINES = 20


class LineForm(Form):
    """One item: from the catalogue, or a name with an estimated price."""

    part_id = pick(_l("Part"), needed=True)
    name = text(_l("What is it?"), max=100, show_when=f"part_id={NOT_IN_CATALOGUE}", needed=True)
    qty = whole(_l("Quantity"), min=1, max=999, required=True)
    unit_price = money(_l("Unit price"), needed=True)
    note = text(_l("Note"), max=200)

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _complete(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        """Require name and price if there is no catalogue part.

        Reported together with the other problems of the line.
        """
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
    """Data of a returned request that is sent again."""

    job_id = pick(_l("Job"))
    lines = rows(_l("Parts"), LineForm, min=1, max=MOST_LINES)
    urgency = choice(_l("Urgency"), URGENCIES.items(), required=True, widget="seg")
    # The command checks that the day is not past, by the author's clock: the record may have waited for signal.
    wanted_on = day(_l("Wanted by"), required=True, latest_days=365)
    reason = long_text(_l("What for"), max=500)

    @pre_load
    def _first_line(self, data: Any, **_: Any) -> Any:
        """Add an empty line to a form without lines, so that its problems appear at that line's fields."""
        return {**data, "lines": [{}]} if isinstance(data, dict) and "lines" not in data else data


class Submit(Correct):
    """Data of a new request."""

    id = Id(required=True)


class Withdraw(Form):
    """Data of a withdrawal: none."""
