"""The list of reports: own ones, those of the led group, or all for roles that see all groups."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, or_, select

from fieldapp.field.reports.models import ServiceReport
from fieldapp.field.reports.schemas import STATE_WORDS
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.web.lists import Filter, Page, list_page
from fieldapp.services.accounts import group_names, technicians_of

COLUMNS: Any = (
    ServiceReport.submitted_at,
    ServiceReport.id,
    ServiceReport.ref,
    ServiceReport.state,
    ServiceReport.result,
    ServiceReport.late,
    ServiceReport.version,
    ServiceReport.author_id,
    ServiceReport.job_id,
)


def reports_page(actor: Actor) -> Page:
    """One page of what this person may see, newest first."""
    return list_page(_of(actor, select(*COLUMNS)), keys=COLUMNS[:2], filters=_filters(actor))


def _of(actor: Actor, query: Select[Any]) -> Select[Any]:
    if actor.sees_all_groups:
        return query
    own = ServiceReport.author_id == actor.id
    if not actor.leads:
        return query.where(own)
    led = ServiceReport.group_id.in_(actor.leads)
    # Both sides of an "or" cost a sort; who is in no other group needs only one.
    return query.where(or_(led, own) if actor.groups - actor.leads else led)


def _filters(actor: Actor) -> list[Filter]:
    made = [
        Filter("state", _l("State"), lambda q, v: q.where(ServiceReport.state == v), "chips", _states),
        Filter("month", _l("Month"), _in_month, "month"),
    ]
    if actor.leads or actor.sees_all_groups:
        groups = list(group_names()) if actor.sees_all_groups else actor.leads
        people = [(str(one), name) for one, name in technicians_of(groups, on=clock.today())]
        made.append(Filter("technician", _l("Technician"), _by, "select", people, holds="number"))
    return made


def _states() -> list[tuple[str, Any]]:
    return [("", _l("All")), *STATE_WORDS.items()]


def _in_month(query: Select[Any], month: str) -> Select[Any]:
    first, following = clock.month_bounds(month)
    start, end = clock.day_bounds(first)[0], clock.day_bounds(following)[0]
    return query.where(ServiceReport.submitted_at >= start, ServiceReport.submitted_at < end)


def _by(query: Select[Any], technician: int) -> Select[Any]:
    return query.where(ServiceReport.author_id == technician)
