"""Form schemas of service reports (D-JOB-6, D-JOB-7). The result comes first: other fields depend on it."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError, validates_schema

from fieldapp.field.reports.policy import NEEDS_REASON, REPORT
from fieldapp.platform.web.fields import (
    Form,
    Id,
    choice,
    flag,
    long_text,
    moment,
    money,
    pick,
    rows,
    signature,
    stars,
    text,
    whole,
)
from fieldapp.platform.web.states import words_of

RESULT_WORDS = {
    "solved": _l("Solved"),
    "another_visit": _l("Another visit"),
    "taken_back": _l("Taken back for repair"),
    "referred": _l("Referred"),
}
METHOD_WORDS = {"cash": _l("Cash"), "transfer": _l("Transfer"), "code": _l("Payment code")}
STATE_WORDS = words_of(REPORT)

MISSING = _l("Please fill this in.")


class _PartRow(Form):
    """A part from the catalogue, or a name."""

    part_id = pick(_l("Part"))
    name = text(_l("Or its name"), max=100)
    qty = whole(_l("Quantity"), min=1, max=999, placeholder="1")

    @validates_schema(skip_on_field_errors=False)
    def _require_part_or_name(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("part_id") and not data.get("name"):
            raise ValidationError([_l("Choose a part or write its name.")], "name")


class PartUsed(_PartRow):
    """A part used. With both serial numbers it is a replacement (D-PART-6)."""

    old_serial = text(_l("Old serial no."), max=60)
    new_serial = text(_l("New serial no."), max=60)


class PartToBuy(_PartRow):
    """A part that the next visit needs, with its estimated price."""

    unit_price = money(_l("Estimated unit price"))

    @validates_schema(skip_on_field_errors=False)
    def _require_estimate(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("name") and not data.get("part_id") and data.get("unit_price") is None:
            raise ValidationError([_l("Please estimate the price.")], "unit_price")


class DeviceRow(Form):
    """A vehicle or device of an installation list or a terminal repair."""

    plate = text(_l("Plate"), max=20, list_for="plates")
    driver = text(_l("Driver or user"), max=60)
    old_terminal = text(_l("Old terminal no."), max=60)
    new_terminal = text(_l("New terminal no."), max=60)
    old_sim = text(_l("Old SIM no."), max=30)
    new_sim = text(_l("New SIM no."), max=30)
    mounted_at = text(_l("Position mounted"), max=100)
    test_result = text(_l("Test result"), max=200)

    @validates_schema(skip_on_field_errors=False)
    def _require_identifier(self, data: dict[str, Any], **_: Any) -> None:
        if not any(data.get(name) for name in ("plate", "old_terminal", "new_terminal")):
            raise ValidationError([_l("Write the plate or a terminal number.")], "plate")


class Content(Form):
    """The content of a report; every version has all of it."""

    result = choice(_l("Result"), RESULT_WORDS.items(), required=True, widget="seg")
    reason = long_text(
        _l("Why, and what happens next"), max=1000, show_when="result=another_visit|taken_back|referred", needed=True
    )
    plan_at = moment(_l("Next visit on"), latest_days=366, show_when="result=another_visit", needed=True)
    plan_people = text(_l("People"), max=200, show_when="result=another_visit", needed=True)
    plan_tools = text(_l("Tools"), max=500, show_when="result=another_visit", needed=True)
    plan_lines = rows(
        _l("Parts to buy"),
        PartToBuy,
        hint=_l("They become a parts request once the leader agrees."),
        show_when="result=another_visit",
    )
    fault = long_text(_l("Fault found"), required=True)
    cause = long_text(_l("Cause"))
    work = long_text(_l("Work done"), required=True)
    labour_minutes = whole(_l("Working time in minutes"), max=6000)
    parts = rows(_l("Parts used"), PartUsed)
    devices = rows(_l("Devices"), DeviceRow, max=50)
    fee_amount = money(_l("Fee collected"))
    fee_method = choice(_l("Paid by"), METHOD_WORDS.items(), widget="seg", show_when="fee_amount", needed=True)
    explained = long_text(_l("Explained to the customer"))
    customer_name = text(_l("Customer's name"), max=60, autocomplete="off")
    signature = signature(_l("Customer's signature"), show_when="unsigned!=true", needed=True)
    unsigned = flag(_l("The customer does not sign"))
    no_signature_reason = text(_l("Why there is no signature"), max=200, show_when="unsigned=true", needed=True)
    satisfaction = stars(_l("Satisfaction"))

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _check_dependent_fields(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        """Require the fields that depend on others. A field with an invalid value has its own message already."""
        sent = original if isinstance(original, dict) else {}
        already_reported = {name for name, value in sent.items() if name not in data and str(value or "").strip()}
        missing = {*_plan_gaps(data), *_signature_gap(data), *_fee_gap(data)} - already_reported
        if data.get("result") in NEEDS_REASON and not data.get("reason"):
            missing |= {"reason"} - already_reported
        if missing:
            raise ValidationError({name: [MISSING] for name in missing})


class Submit(Content):
    """Data of a new report."""

    id = Id(required=True)
    visit_id = Id(required=True)


class Resubmit(Content):
    """Data of the next version of a report."""


def lift_to_version_2(data: dict[str, Any]) -> dict[str, Any]:
    """Lift schema 1 to 2: another visit needs a reason (D-JOB-11). The cause or the fault is used as the reason."""
    if data.get("result") == "another_visit" and not data.get("reason"):
        return {**data, "reason": str(data.get("cause") or data.get("fault") or "")[:1000]}
    return data


def _plan_gaps(data: dict[str, Any]) -> list[str]:
    """Return the missing fields of the plan that `another_visit` requires (D-JOB-7)."""
    if data.get("result") != "another_visit":
        return []
    return [name for name in ("plan_at", "plan_people", "plan_tools") if not data.get(name)]


def _signature_gap(data: dict[str, Any]) -> list[str]:
    if data.get("signature") or data.get("no_signature_reason"):
        return []
    return ["no_signature_reason" if data.get("unsigned") else "signature"]


def _fee_gap(data: dict[str, Any]) -> list[str]:
    if data.get("fee_amount") and not data.get("fee_method"):
        return ["fee_method"]
    return ["fee_amount"] if data.get("fee_method") and not data.get("fee_amount") else []
