"""A group's jobs, for its leader and for those who see all groups."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from flask import Response, request
from flask_babel import gettext

from fieldapp.field.jobs import words
from fieldapp.field.jobs.lists import LIST, several_groups
from fieldapp.field.jobs.policy import may_lead
from fieldapp.field.jobs.queries import board as queries
from fieldapp.field.jobs.routes.rows import results_title, things
from fieldapp.kernel.actor import Actor
from fieldapp.platform.web.lists import Filter
from fieldapp.platform.web.render import render


class WaitingJob(NamedTuple):
    """A job without a technician, as its card shows it."""

    id: str
    number: str
    place: str
    what: str
    is_urgent: bool
    service_class: str
    received_at: datetime
    group: str
    may_plan: bool


def group_list(who: Actor, scope: Filter) -> Response:
    """Return the page: jobs without a technician, then the newest."""
    page = LIST.page(who, before=(scope,))
    on_top = page.first and not page.filtered
    return render(
        "field/jobs/jobs.html",
        fragment="field/jobs/_jobs.html",
        title=results_title(page, page.count) or gettext("Jobs"),
        wide=True,
        page=page,
        live=request.full_path.rstrip("?"),
        waiting=_waiting(who) if on_top else [],
        words=words,
        things=things,
    )


def _waiting(who: Actor) -> list[WaitingJob]:
    rows = queries.unassigned(who)
    devices = queries.assets_in_short(row.id for row in rows)
    return [_waiting_job(row, devices, who) for row in rows]


def _waiting_job(row: Any, devices: dict[str, tuple[str, int]], who: Actor) -> WaitingJob:
    return WaitingJob(
        id=row.id,
        number=row.number,
        place=f"{row.customer} · {row.site}",
        what=f"{row.title} · {things(devices[row.id])}" if row.id in devices else row.title,
        is_urgent=row.urgency == "emergency",
        service_class=words.words(words.SERVICE_CLASSES, row.service_class),
        received_at=row.received_at,
        group=row.group_name if several_groups(who) else "",
        may_plan=may_lead(who, row.group_id),
    )
