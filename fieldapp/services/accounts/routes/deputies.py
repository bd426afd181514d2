"""Pages on which a person names a deputy, and ends the deputy's turn (D-ROLE-2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Response
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render
from fieldapp.services.accounts import group_names, histories
from fieldapp.services.accounts.roles import RECORD_NAMES, deputy_verbs
from fieldapp.services.accounts.routes import bp

PAGE = "/me/deputy"


@bp.get(PAGE)
@needs("deputy.name")
def deputy() -> Response:
    """Show who decides for the person, and for whom the person decides: now, coming, past."""
    lines = histories.deputies_of(actor().id, clock.now())
    return render("services/accounts/deputy.html", lines=lines, record_names=RECORD_NAMES)


@bp.route(f"{PAGE}/new", methods=["GET", "POST"])
@needs("deputy.name")
def name_deputy() -> Response:
    """Draw the form that names a deputy."""
    me = actor().in_own_right
    names = group_names()
    groups = [("", _l("All my groups")), *((str(one), names.get(one, "")) for one in sorted(me.leads))]
    morning = clock.local(clock.day_bounds(clock.today() + timedelta(days=1))[0])
    return form_page(
        FormPage(
            kind="deputy.name",
            agg=("deputy", None),
            title=_l("Name a deputy"),
            submit=_l("Save"),
            done=PAGE,
            back=PAGE,
            initial={"from_at": morning, "to_at": morning + timedelta(days=1)},
            options={"deputy_id": histories.possible_deputies(me.id), "about": _about(), "group_id": groups},
        )
    )


def _about() -> list[tuple[str, Any]]:
    """Return the types of record about which the person decides, with their names."""
    kinds = {verb.partition(".")[0] for verb in deputy_verbs(actor().in_own_right.verbs) if COMMANDS()[verb].decides}
    named = [(kind, RECORD_NAMES.get(kind, kind)) for kind in sorted(kinds)]
    return [("", _l("All decisions")), *named]


@bp.route(f"{PAGE}/<uuid:deputy_id>/end", methods=["GET", "POST"])
@needs("deputy.end")
def end_deputy(deputy_id: UUID) -> Response:
    """Show the confirmation form; used without JavaScript."""
    lines = histories.deputies_of(actor().id, clock.now())
    if not any(line.id == str(deputy_id) and line.principal_id == actor().id for line in lines):
        raise NotFound("deputy.not_found")
    return form_page(FormPage("deputy.end", ("deputy", str(deputy_id)), _l("End it now"), PAGE, back=PAGE))
