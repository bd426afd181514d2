"""The content of a report as approvers see it, to compare two versions of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask_babel import gettext, ngettext

from fieldapp.field.reports.policy import FIELDS
from fieldapp.field.reports.schemas import METHOD_WORDS, RESULT_WORDS, Content
from fieldapp.kernel import clock
from fieldapp.services.approvals import Detail

_LABELS = {name: form_field.metadata.get("label", name) for name, form_field in Content().load_fields.items()}


def details(shown: Mapping[str, Any]) -> list[Detail]:
    """Return the content of one version field by field, and its signature."""
    content, signature = shown["content"], shown["signature"]
    lines = [_detail(name, content.get(name)) for name in FIELDS if content.get(name) not in (None, "", [])]
    if signature:
        lines.append(Detail("signature", str(_LABELS["signature"]), gettext("signed"), signature))
    return lines


def _detail(name: str, value: Any) -> Detail:
    if name == "photos":
        return Detail(name, gettext("Photos"), ngettext("%(num)s photo", "%(num)s photos", len(value)), value)
    return Detail(name, str(_LABELS[name]), _formatted(name, value), value)


def _formatted(name: str, value: Any) -> str:
    if name == "result":
        return str(RESULT_WORDS[value])
    if name == "fee_method":
        return str(METHOD_WORDS[value])
    if name == "fee_amount":
        return f"{Decimal(value):,.2f}"
    if name == "plan_at":
        return f"{clock.local(clock.parse_iso(value)):%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return "; ".join(" ".join(str(part) for key, part in row.items() if key != "part_id") for row in value)
    return str(value)
