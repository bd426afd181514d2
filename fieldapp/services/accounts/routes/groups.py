"""Pages of groups, and the forms that give, change and end roles (D-GROUP-1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.kernel import clock
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render
from fieldapp.services.accounts import histories, journal, people
from fieldapp.services.accounts.histories import MembershipLine
from fieldapp.services.accounts.models import Group
from fieldapp.services.accounts.policy import may_see_group
from fieldapp.services.accounts.routes import bp


@bp.get("/groups")
@needs("group.view")
def group_list() -> Response:
    """List the groups the person may see, with the number of their members today."""
    return render(
        "services/accounts/groups.html",
        groups=[one for one in histories.groups_on(clock.today()) if may_see_group(actor(), one.id)],
    )


@bp.get("/groups/<int:group_id>")
@needs("group.view")
def group(group_id: int) -> Response:
    """Show one group: leaders and members today, coming changes, former members."""
    row = _group(group_id)
    if not may_see_group(actor(), group_id):
        raise NotFound("group.not_found")
    lines = histories.of_group(group_id, on=clock.today())
    now = histories.by_state(lines, "now")
    parent = histories.group_row(row.parent_id) if row.parent_id else None
    return render(
        "services/accounts/group.html",
        group=row,
        agg=journal.key_of(group_id),
        parent=parent,
        leaders=sorted((line for line in now if line.role == "leader"), key=lambda line: line.kind),
        members=[line for line in now if line.role != "leader"],
        coming=[line for line in reversed(lines) if line.state == "coming"],
        ending=[line for line in now if line.until_on is not None],
        past=histories.by_state(lines, "past", "withdrawn"),
        several_leaders=sum(line.kind == "lead" for line in now) > 1,
    )


@bp.route("/groups/new", methods=["GET", "POST"])
@needs("group.found")
def new_group() -> Response:
    """Draw the form for a new group."""
    return form_page(
        FormPage(
            kind="group.found",
            agg=("group", None),
            title=_l("New group"),
            submit=_l("Save"),
            done="/groups",
            back="/groups",
            options={"parent_id": histories.open_groups(clock.today())},
        )
    )


@bp.route("/groups/<int:group_id>/change", methods=["GET", "POST"])
@needs("group.change")
def change_group(group_id: int) -> Response:
    """Draw the form for a group's facts and its end."""
    row, page = _group(group_id), f"/groups/{group_id}"
    parents = [one for one in histories.open_groups(clock.today()) if one[0] != str(group_id)]
    return form_page(
        FormPage(
            kind="group.change",
            agg=("group", journal.key_of(group_id)),
            title=_l("Change the group"),
            submit=_l("Save"),
            done=page,
            back=page,
            record_title=row.name,
            initial={"name": row.name, "city": row.city, "parent_id": row.parent_id or "", "ended_on": row.ended_on},
            options={"parent_id": parents},
        )
    )


def _group(group_id: int) -> Group:
    row = histories.group_row(group_id)
    if row is None:
        raise NotFound("group.not_found")
    return row


# -- roles of a person -------------------------------------------------------------------------------------------


@bp.route("/people/<int:user_id>/roles/new", methods=["GET", "POST"])
@needs("membership.begin")
def begin_membership(user_id: int) -> Response:
    """Draw the form that gives a person a role."""
    initial = {"from_on": clock.today()}
    return _membership_form("membership.begin", user_id, _l("Give a role"), initial)


@bp.route("/people/<int:user_id>/roles/<int:number>/change", methods=["GET", "POST"])
@needs("membership.change")
def change_membership(user_id: int, number: int) -> Response:
    """Draw the form for another role or group from a day on."""
    line = _membership(user_id, number)
    begins = max(line.from_on, clock.today())
    initial = {"membership_id": number, "post": line.post, "group_id": line.group_id or "", "from_on": begins}
    return _membership_form("membership.change", user_id, _l("Change the role"), initial, line)


@bp.route("/people/<int:user_id>/roles/<int:number>/end", methods=["GET", "POST"])
@needs("membership.end")
def end_membership(user_id: int, number: int) -> Response:
    """Draw the form for the end of a role."""
    line = _membership(user_id, number)
    initial = {"membership_id": number, "until_on": line.until_on}
    return _membership_form("membership.end", user_id, _l("Change the end"), initial, line)


def _membership(user_id: int, number: int) -> MembershipLine:
    lines = histories.of_person(user_id, on=clock.today())
    line = next((line for line in lines if line.id == number), None)
    if line is None:
        raise NotFound("membership.not_found")
    return line


def _membership_form(
    kind: str, user_id: int, title: Any, initial: Mapping[str, Any], line: MembershipLine | None = None
) -> Response:
    person, page = people.person_row(user_id), f"/people/{user_id}"
    if person is None:
        raise NotFound("user.not_found")
    return form_page(
        FormPage(
            kind=kind,
            agg=("user", journal.key_of(user_id)),
            title=title,
            submit=_l("Save"),
            done=page,
            back=page,
            record_title=person.name,
            initial=initial,
            options={"group_id": histories.open_groups(clock.today())},
            template="services/accounts/membership_form.html",
            context={"person": person, "line": line},
        )
    )
