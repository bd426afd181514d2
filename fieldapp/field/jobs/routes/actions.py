"""The path without JavaScript: every button of a visit as an ordinary form, and dispatch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from fieldapp.errors import NotAllowed, NotFound
from fieldapp.field.jobs import words
from fieldapp.field.jobs.models import Visit, VisitMember
from fieldapp.field.jobs.policy import OPEN_VISIT, TAPS, may_dispatch, suggested_start
from fieldapp.field.jobs.queries.sheet import JobSheet
from fieldapp.field.jobs.routes import bp
from fieldapp.field.jobs.routes.sheet import drawn, sheet_or_404
from fieldapp.kernel import clock
from fieldapp.platform.extensions import OFFERS, db
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.services.accounts import technicians_of
from fieldapp.services.settings import value

#: How far ahead the leader is told who is how busy.
BUSY_DAYS = 7


@bp.route("/jobs/<uuid:job>/visits/<uuid:visit>/<verb>", methods=["GET", "POST"])
@needs("visit.accept")
def tap(job: UUID, visit: UUID, verb: str) -> Response:
    """A tap as a form; for a break or a refusal with its reason."""
    sheet = sheet_or_404(job)
    line = next((one for one in sheet.visits if one.id == str(visit)), None)
    if verb not in TAPS or line is None or actor().id not in {*line.members, *line.former}:
        raise NotFound("visit.not_found")
    where = url_for("jobs.show", job=job)
    return form_page(
        FormPage(
            kind=f"visit.{verb}",
            agg=("visit", line.id),
            title=words.TAPS[verb],
            submit=words.TAPS[verb],
            done=where,
            back=where,
            record_title=f"{words.TAPS[verb]} · {sheet.customer}",
            intro=f"{sheet.customer} · {sheet.title}",
            position=True,
        )
    )


@bp.route("/jobs/<uuid:job>/dispatch", methods=["GET", "POST"])
@needs("job.dispatch")
def dispatch(job: UUID) -> Response:
    """The leader plans a visit; the least busy technicians come first (D-JOB-1)."""
    sheet = sheet_or_404(job)
    if not may_dispatch(actor(), sheet.facts):
        raise NotAllowed("job.not_yours", _l("Only the leader of the job's group plans its visits."))
    where = url_for("jobs.show", job=job)
    people = people_to_choose(sheet.group_id)
    now = clock.now()
    minutes = int(value("jobs.planned_minutes", now))
    hours = int(value("jobs.day_starts", now)), int(value("jobs.day_ends", now))
    return form_page(
        FormPage(
            kind="job.dispatch",
            agg=("visit", None),
            title=_l("Plan a visit"),
            submit=_l("Plan the visit"),
            done=where,
            back=where,
            draft=f"visit:dispatch:{job}",
            record_title=gettext("Visit planned: {technician_id}"),
            intro=intro_of(sheet),
            initial={
                "job_id": sheet.id,
                "planned_start": suggested_start(clock.local(now), hours, minutes),
                "planned_minutes": minutes,
            },
            options={"technician_id": people, "second_id": people},
            **planning(sheet),
        )
    )


def planning(sheet: JobSheet, visit_id: str | None = None) -> dict[str, Any]:
    """Template and context of a form that plans a visit: with what features know of the plan for it."""
    panels = OFFERS().plan_panels(sheet.id, sheet.group_id, visit_id)
    return {"template": "field/jobs/plan.html", "context": {"plans": [drawn(panel) for panel in panels]}}


def intro_of(sheet: JobSheet) -> str:
    """Which job a form is about."""
    return f"{sheet.number} · {sheet.customer} · {sheet.site} · {sheet.title}"


def people_to_choose(group: int) -> list[tuple[str, Any]]:
    """Technicians of the group with the number of their open visits in the next days, the least busy first."""
    technicians = technicians_of([group])
    soon = clock.now() + timedelta(days=BUSY_DAYS)
    query = (
        select(VisitMember.user_id, func.count())
        .join(Visit, Visit.id == VisitMember.visit_id)
        .where(VisitMember.user_id.in_([user for user, _ in technicians]), VisitMember.removed_at.is_(None))
        .where(Visit.state.in_(OPEN_VISIT), Visit.planned_start < soon)
        .group_by(VisitMember.user_id)
    )
    busy = dict(db.session.execute(query).all())
    technicians.sort(key=lambda one: (busy.get(one[0], 0), one[1]))
    return [
        (str(user), f"{name} · {ngettext('%(num)s open visit', '%(num)s open visits', busy.get(user, 0))}")
        for user, name in technicians
    ]
