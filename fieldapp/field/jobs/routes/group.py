"""A group's jobs, for its leader and for those who see all groups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask import Response, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from fieldapp.field.jobs import words
from fieldapp.field.jobs.extension_points import job_tags
from fieldapp.field.jobs.models import Job
from fieldapp.field.jobs.policy import may_lead
from fieldapp.field.jobs.queries import board as queries
from fieldapp.field.jobs.routes.rows import LISTS, SEARCH, kept, results_title, said, things, when
from fieldapp.kernel import clock
from fieldapp.kernel.actor import Actor
from fieldapp.platform.web import language
from fieldapp.platform.web.lists import Filter, list_page
from fieldapp.platform.web.pieces import pieces
from fieldapp.platform.web.render import render
from fieldapp.services.accounts import group_names


def group_list(who: Actor, scope: Filter) -> Response:
    """Jobs without a technician, then the newest."""
    options = [("open", _l("Open")), *words.JOB_STATES.items(), ("all", _l("All"))]
    conditions = queries.JOB_STATE_FILTERS
    states = Filter(
        "state",
        _l("State"),
        lambda query, value: query if value == "all" else query.where(conditions[value]),
        options=options,
        default="open",
    )
    groups = group_names()
    many = who.sees_all_groups or len(who.leads) > 1
    filters = [scope, states, SEARCH]
    if many:
        shown = [(str(one), name) for one, name in groups.items() if who.sees_all_groups or one in who.leads]
        filters.insert(1, Filter("group", _l("Group"), _of_group, options=shown, holds="number"))
    page = list_page(
        queries.group_jobs(who),
        keys=(Job.received_at, Job.id),
        filters=filters,
        made_from=("jobs of groups", who.sees_all_groups, who.leads),
    )
    on_top = page.first and not page.filtered
    waiting = queries.unassigned(who) if on_top else []
    ids = [row[1] for row in [*waiting, *page.rows]]
    context: dict[str, Any] = {"short": queries.assets_in_short(ids), "groups": groups if many else {}}
    shown_ids = [row[1] for row in page.rows]
    return render(
        "field/jobs/jobs.html",
        fragment="field/jobs/_jobs.html",
        title=results_title(page) or gettext("Jobs"),
        wide=True,
        page=page,
        live=request.full_path.rstrip("?"),
        waiting=[_waiting(row, context, who) for row in waiting],
        rows=_lines(
            (language.code(), clock.today(), many),
            tuple(page.rows),
            kept(queries.visits_of_jobs(shown_ids)),
            kept(said(job_tags(shown_ids))),
            kept(context["short"]),
            kept(context["groups"]),
        ),
        many=many,
    )


@lru_cache(maxsize=LISTS)
def _lines(
    asked: tuple[str, date, bool],
    rows: tuple[Any, ...],
    visits: tuple[tuple[str, Any], ...],
    tags: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    short: tuple[tuple[str, tuple[str, int]], ...],
    groups: tuple[tuple[int, str], ...],
) -> Markup:
    """The lines of a group's list; the same rows are drawn once in a language and a day (`asked`)."""
    spoken, draw = _Said(asked[2]), pieces("field/jobs/_line.html")
    context: dict[str, Any] = {"short": dict(short), "groups": dict(groups)}
    visit_of, tags_of = dict(visits), dict(tags)
    return Markup("").join(
        _row(draw, row, visit_of.get(row[1]), tags_of.get(row[1], ()), context, spoken) for row in rows
    )


def _of_group(query: Any, group: int) -> Any:
    return query.where(Job.group_id == group)


def _waiting(row: Any, context: dict[str, Any], who: Actor) -> tuple[Any, ...]:
    received, job, number, customer, site, title, urgency, service_class, _, group = row
    what = f"{title} · {things(context['short'][job])}" if job in context["short"] else title
    kind = words.words(words.SERVICE_CLASSES, service_class)
    place = f"{customer} · {site}"
    urgent, may = urgency == "emergency", may_lead(who, group)
    return job, number, place, what, urgent, kind, received, context["groups"].get(group, ""), may


class _Said:
    """Words and moments of a group's list, each made once for all its rows."""

    def __init__(self, many: bool) -> None:
        self.many = many
        self.job_states = {key: words.job_state(key) for key in words.JOB_STATES}
        self.visit_states = {key: str(label) for key, label in words.VISIT_STATES.items()}
        self.classes = {key: str(label) for key, label in words.SERVICE_CLASSES.items()}
        self._days: dict[Any, str] = {}

    def moment(self, at: datetime | None) -> str:
        """Day and time."""
        return when(at, "", self._days) if at else "—"


def _row(
    draw: Callable[..., Markup],
    row: Any,
    visit: Any,
    tags: tuple[tuple[str, str], ...],
    context: dict[str, Any],
    said: _Said,
) -> Markup:
    _, job, number, customer, site, title, urgency, service_class, state, group = row
    planned, visit_state, who = visit or (None, "", "")
    return draw(
        job,
        number,
        f"{customer} · {site}",
        f"{title} · {things(context['short'][job])}" if job in context["short"] else title,
        urgency == "emergency",
        who,
        said.moment(planned),
        said.job_states.get(state) or words.job_state(state),
        said.visit_states.get(visit_state, visit_state),
        said.classes.get(service_class, service_class),
        tags,
        context["groups"].get(group, ""),
        said.many,
    )
