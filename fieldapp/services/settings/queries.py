"""The figure that holds on a day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from flask import g
from sqlalchemy import Date, ScalarSelect, bindparam, select

from fieldapp.kernel import clock
from fieldapp.kernel.figures import Figure
from fieldapp.platform.database.statements import Prepared
from fieldapp.platform.extensions import AppValue, reading
from fieldapp.services.settings.models import Setting

#: Every figure of every feature by key.
FIGURES: AppValue[dict[str, Figure]] = AppValue("figures")

_changes = Prepared(
    select(Setting.key, Setting.effective_on, Setting.value).order_by(Setting.effective_on, Setting.set_at)
)


def figure(key: str, on: date | None = None) -> Decimal | int:
    """The value of a figure on a day (today where none is given). Raises KeyError for an unknown key.

    All changes are read once a request: there are few of them and most pages ask for several.
    """
    one = FIGURES()[key]
    changes: dict[str, list[tuple[date, str]]] | None = g.get("figure_changes")
    if changes is None:
        changes = g.figure_changes = {}
        for changed, since, text in _changes.rows(reading()):
            changes.setdefault(changed, []).append((since, text))
    value = one.default
    if key in changes:
        day = on or clock.today()
        for since, text in changes[key]:
            if since <= day:
                value = one.read(text)
    return value


def figure_by(key: str) -> ScalarSelect[str]:
    """The value of a figure on the day `on`, a parameter, as it was written, or null: to be read along with rows."""
    query = select(Setting.value).where(Setting.key == key, Setting.effective_on <= bindparam("on", type_=Date))
    return query.order_by(Setting.effective_on.desc(), Setting.set_at.desc()).limit(1).scalar_subquery()


def figure_from(key: str, text: str | None) -> Decimal | int:
    """The value that `figure_by` read."""
    one = FIGURES()[key]
    return one.default if text is None else one.read(text)
