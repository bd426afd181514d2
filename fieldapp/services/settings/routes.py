"""The figures of the rule book for administrators: what holds, since when, why; and the form to change one."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.kernel.figures import Figure
from fieldapp.platform.extensions import db
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import needs
from fieldapp.platform.web.render import render
from fieldapp.services.settings.models import Setting
from fieldapp.services.settings.queries import FIGURES, figure

bp = Blueprint("settings", __name__)


@dataclass(frozen=True)
class Shown:
    """A figure with the value of today and its changes `(setting, who)`, the newest first."""

    figure: Figure
    value: Decimal | int
    changes: list[tuple[Setting, str]] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether it differs from what the rule book gives."""
        return self.value != self.figure.default


@bp.get("/settings")
@needs("setting.change")
def figures() -> Response:
    """All figures, by feature."""
    changes = _changes()
    by_feature: dict[str, list[Shown]] = {}
    for key, one in sorted(FIGURES().items()):
        # A feature's pages carry its name, so that its words are there in every language.
        name = gettext(key.split(".")[0].replace("_", " ").capitalize())
        by_feature.setdefault(name, []).append(Shown(one, figure(key), changes.get(key, [])))
    return render("services/settings/figures.html", fragment="services/settings/_figures.html", features=by_feature)


@bp.route("/settings/<key>", methods=["GET", "POST"])
@needs("setting.change")
def change(key: str) -> Response:
    """A new value of one figure, from a day on."""
    one = FIGURES().get(key)
    if one is None:
        raise NotFound("setting.not_found")
    value = figure(key)
    return form_page(
        FormPage(
            kind="setting.change",
            agg=("setting", None),
            title=_l("Change"),
            done=url_for("settings.figures"),
            back=url_for("settings.figures"),
            draft=f"setting:{key}",
            record_title=gettext("%(label)s: {value}", label=one.label),
            submit=_l("Change"),
            initial={"key": key, "effective_on": clock.today()},
            template="services/settings/change.html",
            context={"shown": Shown(one, value, _changes(key).get(key, []))},
        )
    )


def _changes(key: str | None = None) -> dict[str, list[tuple[Setting, str]]]:
    """The changes of all figures, or of one, with who made them, by key; the newest first."""
    # Accounts lie beside settings in the house, so the people are reached through their table.
    people: Any = Setting.metadata.tables["user"].c
    query = select(Setting, people.name).join(people.id.table, people.id == Setting.set_by)
    if key is not None:
        query = query.where(Setting.key == key)
    found: dict[str, list[tuple[Setting, str]]] = {}
    for row, name in db.session.execute(query.order_by(Setting.effective_on.desc(), Setting.set_at.desc())):
        found.setdefault(row.key, []).append((row, name))
    return found
