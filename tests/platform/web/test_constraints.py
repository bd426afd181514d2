"""The phone checks what the server checks: the constraints in the HTML of every form are those of its schema."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError, fields, validate

from fieldapp.field.jobs.schemas import Dispatch, Reassign
from fieldapp.kernel import ids
from fieldapp.platform.web.fields import _Day, differing
from tests.platform.web.test_every_form import Field, form_of, pages
from tests.support.bench import Bench


def field_of(schema: Any, name: str) -> fields.Field | None:
    """The field of a control, also inside a row (`lines.0.qty`) or in a list (`items[]`)."""
    first, *rest = name.removesuffix("[]").split(".")
    one = schema.load_fields.get(first)
    return field_of(one.metadata["row"](), rest[1]) if one is not None and rest else one


def wanted(schema: Any, name: str, one: fields.Field) -> dict[str, str]:
    """The attributes that follow from what the server checks."""
    attrs = {}
    for check in one.validators:
        if isinstance(check, validate.Length) and check.max is not None and not isinstance(one, fields.List):
            attrs["maxlength"] = str(check.max)
        if isinstance(check, validate.Range):
            attrs |= {"min": str(check.min), "max": str(check.max)}
    if isinstance(one, _Day):
        for side, days in (("min", one.earliest_days), ("max", one.latest_days)):
            if days is not None:
                attrs[f"data-{side}-days"] = str(days)
    other = differing(schema).get(name)
    return attrs | ({"data-differs": other} if other else {})


def test_every_form_checks_on_the_phone_what_the_server_checks(bench: Bench) -> None:
    compared = 0
    for person, url in pages(bench):
        form = form_of(bench.client_of(person), url)
        schema = bench.app.extensions["commands"][form.kind].schema
        for control in form.fields:
            one = field_of(schema, control.name)
            if one is None or control.type in {"radio", "checkbox", "file"}:
                continue
            compared += _compare(url, schema, control, one)
    assert compared > 40


def _compare(url: str, schema: Any, control: Field, one: fields.Field) -> int:
    if control.tag != "select":
        assert one.required <= ("required" in control.attrs), f"{url} {control.name}"
    attrs = wanted(schema, control.name, one)
    if control.tag == "select":
        # The choices are the limits of a select.
        attrs = {name: value for name, value in attrs.items() if name.startswith("data-")}
    for name, value in attrs.items():
        assert control.attrs.get(name) == value, f"{url} {control.name} {name}"
    return len(attrs) + 1


def test_days_of_an_expense_count_from_the_day_of_writing(client_of: Any, cast: Any) -> None:
    day = next(one for one in form_of(client_of(cast.tech), "/expenses/new").fields if one.name == "spent_on")
    assert (day.attrs["data-max-days"], day.attrs["data-min-days"]) == ("0", "-90")


@pytest.mark.parametrize("schema", [Dispatch, Reassign])
def test_the_same_person_twice_is_said_at_the_field(schema: Any) -> None:
    data = {"technician_id": 3, "second_id": 3, "planned_start": "2026-11-22T09:00", "planned_minutes": 60}
    if schema is Dispatch:
        data |= {"id": str(ids.uuid7()), "job_id": str(ids.uuid7())}
    else:
        data = {name: data[name] for name in ("technician_id", "second_id")}
    with pytest.raises(ValidationError) as refused:
        schema().load(data)
    assert list(refused.value.messages) == ["second_id"]


def test_a_claim_of_nothing_is_said_on_the_phone(client_of: Any, cast: Any) -> None:
    assert '<fieldset data-least="items[]"' in client_of(cast.tech).get("/expenses/claims/new").text
