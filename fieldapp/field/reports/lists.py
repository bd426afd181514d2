"""The list of reports: own ones, those of the led group, or all for roles that see all groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, or_, select

from fieldapp.field.jobs import job_lines
from fieldapp.field.reports.models import ServiceReport
from fieldapp.field.reports.policy import REPORT
from fieldapp.field.reports.schemas import RESULT_WORDS, STATE_WORDS
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.web.lists import Col, Completed, Filter, Key, ListDef, Sort
from fieldapp.services.accounts import group_names, names_of, technicians_of
from fieldapp.services.approvals import last_returns
from fieldapp.services.attachments import progress_of

COLUMNS: Any = (
    ServiceReport.submitted_at,
    ServiceReport.id,
    ServiceReport.ref,
    ServiceReport.state,
    ServiceReport.result,
    ServiceReport.late,
    ServiceReport.author_id,
    ServiceReport.job_id,
)


def _base(actor: Actor) -> Select[Any]:
    query = select(*COLUMNS)
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


def _complete(rows: Sequence[Any], actor: Actor) -> list[Completed]:
    """Add the job, the author, photos that are missing and why a report came back; four queries for all rows."""
    ids = [row.id for row in rows]
    jobs, names = job_lines(row.job_id for row in rows), names_of(row.author_id for row in rows)
    arrived = progress_of("service_report", ids)
    returned = last_returns("service_report", [row.id for row in rows if row.state == "returned"])
    return [
        Completed(
            row,
            job=jobs[row.job_id].words if row.job_id in jobs else row.ref,
            author=names.get(row.author_id, ""),
            arrived=arrived.get(row.id),
            returned=returned.get(row.id),
        )
        for row in rows
    ]


LIST = ListDef(
    name="reports",
    title=_l("Service reports"),
    address="/reports",
    verb="service_report.view",
    base=_base,
    filters=_filters,
    complete=_complete,
    columns=(
        Col("job", _l("Job"), width=36, card="title", url=lambda row: f"/reports/{row.id}"),
        Col("state", _l("State"), "state", states=REPORT, width=18),
        Col("result", _l("Result"), "state", words=RESULT_WORDS),
        Col("late", _l("late work"), "flag", export="only"),
        Col("author", _l("Technician"), "name"),
        Col("submitted_at", _l("Handed in"), "moment", width=17),
        Col("ref", _l("Reference"), "name"),
    ),
    sorts=(
        Sort("newest", _l("Newest first"), (Key(ServiceReport.submitted_at, True), Key(ServiceReport.id, True))),
        Sort("oldest", _l("Oldest first"), (Key(ServiceReport.submitted_at), Key(ServiceReport.id))),
    ),
    cells="field/reports/_cells.html",
    nothing=_l("There are no service reports yet. They are filled in on the job's page."),
    nothing_fits=_l("No report fits."),
)
