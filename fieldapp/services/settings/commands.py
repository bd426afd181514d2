"""Changing a figure of the rule book."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import g
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import Invalid
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.figures import Figure
from fieldapp.kernel.money import FEN
from fieldapp.platform.commandbus import Context, Effect, command, require_new
from fieldapp.services.settings.models import Setting
from fieldapp.services.settings.queries import FIGURES, figure
from fieldapp.services.settings.schemas import Change


def may_change(actor: Actor, record: Any) -> bool:
    """Administrators keep the figures; nobody else (docs/rules/02-roles.md)."""
    return "admin" in actor.roles


@command("setting.change", label=_l("Change a figure"), schema=Change, may=may_change)
def change(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """The figure holds from a day on; what was before stays on record and keeps its days."""
    require_new(ctx, data, Setting, _l("This change was already made."))
    one = FIGURES().get(data["key"])
    if one is None:
        raise Invalid.field("key", _l("There is no such figure."))
    value, since = _value(one, data["value"]), data["effective_on"]
    before = figure(one.key, since)
    ctx.session.add(
        Setting(
            id=ctx.id,
            key=one.key,
            value=f"{value:f}" if isinstance(value, Decimal) else str(value),
            effective_on=since,
            reason=data["reason"],
            set_by=ctx.actor.id,
            set_at=ctx.now,
        )
    )
    # What this request has read of the figures no longer holds.
    g.pop("figure_changes", None)
    on = since.isoformat()
    return Effect(
        ver=1,
        before={"key": one.key, "value": str(before), "on": on},
        after={"key": one.key, "value": str(value), "effective_on": on, "reason": data["reason"]},
    )


def _value(one: Figure, text: str) -> Decimal | int:
    """The typed value as the figure takes it. Raises Invalid at `value`."""
    try:
        if not text.isascii() or "_" in text:
            raise ValueError(text)
        value = one.read(text)
        if isinstance(value, Decimal) and value != value.quantize(FEN):
            raise ValueError(text)
    except (ValueError, ArithmeticError):
        words = gettext("A number between %(low)s and %(high)s, please.", low=one.low, high=one.high)
        if isinstance(one.default, int):
            words = gettext("A whole number between %(low)s and %(high)s, please.", low=one.low, high=one.high)
        raise Invalid.field("value", words) from None
    return value
