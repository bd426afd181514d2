"""A report's content as it is signed, stored and compared: plain JSON under the names of the form's fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from fieldapp.kernel import clock

#: Fields of a version in reading order; `photos` are the hashes of its photos.
FIELDS = (
    "result",
    "reason",
    "plan_at",
    "plan_people",
    "plan_tools",
    "plan_lines",
    "fault",
    "cause",
    "work",
    "labour_minutes",
    "parts",
    "devices",
    "fee_amount",
    "fee_method",
    "explained",
    "customer_name",
    "satisfaction",
    "no_signature_reason",
    "photos",
)

#: Field -> results it belongs to. With another result it is dropped: a hidden form field may still have a value.
_RESULTS_OF_FIELD = {
    "plan_at": {"another_visit"},
    "plan_people": {"another_visit"},
    "plan_tools": {"another_visit"},
    "plan_lines": {"another_visit"},
    "reason": {"another_visit", "taken_back", "referred"},
}


def content_of(data: Mapping[str, Any], photos: Sequence[str]) -> dict[str, Any]:
    """Return checked form data as content: without empty fields, times and amounts as text."""
    content: dict[str, Any] = {}
    for name in FIELDS:
        value = photos if name == "photos" else data.get(name)
        if value in (None, "", []) or data["result"] not in _RESULTS_OF_FIELD.get(name, {data["result"]}):
            continue
        content[name] = _to_json(value)
    if data.get("signature"):
        content.pop("no_signature_reason", None)
    return content


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return {name: _to_json(item) for name, item in value.items() if item not in (None, "")}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value
