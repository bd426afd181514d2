"""People page for administrators: accounts, and links for a new password (D-START-2)."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select

from fieldapp.errors import Conflict, NotFound
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import writing
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.hosts import address_of
from fieldapp.platform.web.lists import Filter, list_page
from fieldapp.platform.web.render import render
from fieldapp.services.accounts import histories, journal, people, resets
from fieldapp.services.accounts.models import User
from fieldapp.services.accounts.routes import bp


def _filters() -> list[Filter]:
    def state(query: Select[Any], value: str) -> Select[Any]:
        return query.where(User.active.is_(value == "open"))

    options = [("", _l("All")), ("open", _l("May sign in")), ("closed", _l("Account closed"))]
    return [
        Filter("state", _l("Show"), state, widget="chips", options=options),
        Filter("q", _l("Name or user name"), people.named, widget="text"),
    ]


@bp.get("/people")
@needs("user.manage")
def people_list() -> Response:
    """List all accounts."""
    page = list_page(people.listed(), keys=(User.name, User.id), filters=_filters(), descending=False)
    return render(
        "services/accounts/people.html",
        fragment="services/accounts/_people.html",
        page=page,
        roles=people.roles_of(page.rows, on=clock.today()),
    )


@bp.get("/people/<int:user_id>")
@needs("user.manage")
def person(user_id: int) -> Response:
    """Draw one account: its roles and its audit entries."""
    return _render_person(user_id)


def _render_person(user_id: int, link: str = "") -> Response:
    row = people.person_row(user_id)
    if row is None:
        raise NotFound("user.not_found")
    lines = histories.of_person(user_id, on=clock.today())
    response = render(
        "services/accounts/person.html",
        now=histories.by_state(lines, "now"),
        coming=list(reversed(histories.by_state(lines, "coming"))),
        past=histories.by_state(lines, "past", "withdrawn"),
        doubts=histories.doubts_about(lines),
        person=row,
        events=journal.recent(user_id),
        agg=journal.key_of(user_id),
        link=link,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/people/<int:user_id>/reset-link")
@needs("user.manage")
def reset_link(user_id: int) -> Response:
    """Create a link for a new password and show it once."""
    if people.person_row(user_id) is None:
        raise NotFound("user.not_found")
    with writing() as session:
        secret = resets.create_link(session, user_id, actor().id)
    if secret is None:
        raise Conflict("user.closed", _l("This account is closed. Open it first."))
    return _render_person(user_id, address_of(f"/reset#{secret}"))


@bp.post("/people/<int:user_id>/deactivate")
@needs("user.deactivate")
def deactivate(user_id: int) -> Response:
    """Show the confirmation form; used without JavaScript."""
    return _confirm(user_id, "user.deactivate", _l("Close the account"))


@bp.post("/people/<int:user_id>/activate")
@needs("user.activate")
def activate(user_id: int) -> Response:
    """Show the confirmation form; used without JavaScript."""
    return _confirm(user_id, "user.activate", _l("Open the account"))


def _confirm(user_id: int, kind: str, title: Any) -> Response:
    back = f"/people/{user_id}"
    if people.person_row(user_id) is None:
        raise NotFound("user.not_found")
    return form_page(FormPage(kind, ("user", journal.key_of(user_id)), title, back, back=back))
