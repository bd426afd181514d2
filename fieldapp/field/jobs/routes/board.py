"""`/jobs`: a technician's day, or a group's jobs."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_babel import lazy_gettext as _l

from fieldapp.field.jobs.routes import bp
from fieldapp.field.jobs.routes.group import group_list
from fieldapp.field.jobs.routes.mine import my_list
from fieldapp.kernel.actor import Actor
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.lists import Filter


@bp.get("/jobs")
@needs("job.view")
def board() -> Response:
    """The person's own visits, or the jobs of the groups they answer for; which one stands in the address."""
    who = actor()
    scopes = scopes_of(who)
    scope = Filter("scope", _l("Whose"), lambda query, _: query, options=scopes, default=scopes[0][0])
    group = scope.value() == "group" and _answers_for_groups(who)
    return group_list(who, scope) if group else my_list(who, scope)


def scopes_of(who: Actor) -> list[tuple[str, Any]]:
    """Whose jobs this person can list, the usual first."""
    scopes: list[tuple[str, Any]] = []
    if _answers_for_groups(who):
        scopes.append(("group", _l("All groups") if who.sees_all_groups else _l("My group")))
    if "technician" in who.roles or not scopes:
        scopes.append(("mine", _l("My own")))
    return scopes


def _answers_for_groups(who: Actor) -> bool:
    return bool(who.leads) or who.sees_all_groups
