"""The list of jobs for leaders and for those who see all groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import case

from fieldapp.field.jobs import words
from fieldapp.field.jobs.extension_points import job_tags
from fieldapp.field.jobs.models import Job
from fieldapp.field.jobs.policy import JOB
from fieldapp.field.jobs.queries import board
from fieldapp.field.jobs.queries.search import found
from fieldapp.kernel.actor import Actor
from fieldapp.platform.web.lists import Col, Completed, Filter, Key, ListDef, Sort
from fieldapp.services.accounts import group_names

SEARCH = Filter("q", _l("Customer, number, plate, phone"), found, widget="text")

_RANK = case((Job.urgency == "emergency", 0), else_=1)


def several_groups(actor: Actor) -> bool:
    """Return whether the list holds jobs of more than one group."""
    return actor.sees_all_groups or len(actor.leads) > 1


def _filters(actor: Actor) -> list[Filter]:
    options = [("open", _l("Open")), *words.JOB_STATES.items(), ("all", _l("All"))]
    conditions = board.JOB_STATE_FILTERS
    states = Filter(
        "state",
        _l("State"),
        lambda query, value: query if value == "all" else query.where(conditions[value]),
        options=options,
        default="open",
    )
    if not several_groups(actor):
        return [states, SEARCH]
    shown = [(str(one), name) for one, name in group_names().items() if actor.sees_all_groups or one in actor.leads]
    groups = Filter(
        "group", _l("Group"), lambda query, value: query.where(Job.group_id == value), options=shown, holds="number"
    )
    return [groups, states, SEARCH]


def _complete(rows: Sequence[Any], actor: Actor) -> list[Completed]:
    """Add the visit that stands for each job, its first device and its tags; three queries for all rows."""
    ids = [row.id for row in rows]
    visits, devices = board.visits_of_jobs(ids), board.assets_in_short(ids)
    tags = job_tags(ids) if ids else {}
    return [
        Completed(
            row,
            visit=visits.get(row.id, board.StandingVisit()),
            devices=devices.get(row.id),
            tags=tags.get(row.id, ()),
        )
        for row in rows
    ]


LIST = ListDef(
    name="jobs",
    title=_l("Jobs"),
    address="/jobs",
    verb="job.view",
    base=board.group_jobs,
    filters=_filters,
    complete=_complete,
    columns=(
        Col("number", _l("Job number"), "name", export="only", width=16),
        Col("customer", _l("Customer"), export="only", width=28),
        Col("site", _l("Site"), export="only", width=24),
        Col("title", _l("Job"), width=36, card="title"),
        Col("technician", _l("Technician"), "name", lambda row: row.visit.names, width=18),
        Col("planned_start", _l("Planned for"), "moment", lambda row: row.visit.planned_start, width=17),
        Col("state", _l("State"), "state", states=JOB, width=12),
        Col(
            "service_class",
            _l("Service class"),
            "name",
            lambda row: words.words(words.SERVICE_CLASSES, row.service_class),
        ),
        Col("group", _l("Group"), "name", lambda row: row.group_name, who=several_groups),
        Col("received_at", _l("Received"), "moment", export="only", width=17),
    ),
    sorts=(
        Sort("newest", _l("Newest first"), (Key(Job.received_at, True), Key(Job.id, True))),
        Sort("oldest", _l("Oldest first"), (Key(Job.received_at), Key(Job.id))),
        Sort("urgent", _l("Urgent first"), (Key(_RANK), Key(Job.received_at, True), Key(Job.id, True))),
    ),
    cells="field/jobs/_cells.html",
    icon="jobs",
)
