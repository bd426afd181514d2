"""What a leader decides upon when accepting a report, in words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask_babel import gettext, ngettext

from fieldapp.field.reports.policy import FIELDS
from fieldapp.field.reports.schemas import METHOD_WORDS, RESULT_WORDS, Content
from fieldapp.kernel import clock
from fieldapp.services.approvals import Detail

_LABELS = {name: one.metadata.get("label", name) for name, one in Content().load_fields.items()}


def details(shown: Mapping[str, Any]) -> list[Detail]:
    """Return the content of one version field by field, and its signature."""
    content, signature = shown["content"], shown["signature"]
    found = [_detail(name, content.get(name)) for name in FIELDS if content.get(name) not in (None, "", [])]
    if signature:
        found.append(Detail("signature", str(_LABELS["signature"]), gettext("signed"), signature))
    return found


def _detail(name: str, value: Any) -> Detail:
    if name == "photos":
        return Detail(name, gettext("Photos"), ngettext("%(num)s photo", "%(num)s photos", len(value)), value)
    return Detail(name, str(_LABELS[name]), _in_words(name, value), value)


def _in_words(name: str, value: Any) -> str:
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
