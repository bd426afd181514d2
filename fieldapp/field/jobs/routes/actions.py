"""Forms for a visit's actions without JavaScript, and the form that plans a visit."""

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
from fieldapp.field.jobs.extension_points import plan_panels
from fieldapp.field.jobs.models import Visit, VisitMember
from fieldapp.field.jobs.policy import OPEN_VISIT, TAPS, may_dispatch, suggest_start
from fieldapp.field.jobs.queries.sheet import JobSheet
from fieldapp.field.jobs.routes import bp
from fieldapp.field.jobs.routes.sheet import render_panel, sheet_or_404
from fieldapp.kernel import clock
from fieldapp.platform.extensions import db
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.services.accounts import technicians_of
from fieldapp.services.settings import value

#: Days ahead for which a technician's open visits are counted.
WORKLOAD_DAYS = 7


@bp.route("/jobs/<uuid:job>/visits/<uuid:visit>/<verb>", methods=["GET", "POST"])
@needs("visit.accept")
def tap(job: UUID, visit: UUID, verb: str) -> Response:
    """Show a tap as a form; for a pause or a refusal with its reason."""
    sheet = sheet_or_404(job)
    visit_line = next((candidate for candidate in sheet.visits if candidate.id == str(visit)), None)
    if verb not in TAPS or visit_line is None or actor().id not in {*visit_line.members, *visit_line.former}:
        raise NotFound("visit.not_found")
    where = url_for("jobs.show", job=job)
    return form_page(
        FormPage(
            kind=f"visit.{verb}",
            agg=("visit", visit_line.id),
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
    """Show the leader's form for a new visit; technicians with the fewest open visits come first (D-JOB-1)."""
    sheet = sheet_or_404(job)
    if not may_dispatch(actor(), sheet.facts):
        raise NotAllowed("job.not_yours", _l("Only the leader of the job's group plans its visits."))
    where = url_for("jobs.show", job=job)
    technicians = technician_options(sheet.group_id)
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
            intro=job_summary(sheet),
            initial={
                "job_id": sheet.id,
                "planned_start": suggest_start(clock.local(now), hours, minutes),
                "planned_minutes": minutes,
            },
            options={"technician_id": technicians, "second_id": technicians},
            **plan_template(sheet),
        )
    )


def plan_template(sheet: JobSheet, visit_id: str | None = None) -> dict[str, Any]:
    """Return template and context of a planning form, with the panels that features add to it."""
    panels = plan_panels(sheet.id, sheet.group_id, visit_id)
    return {"template": "field/jobs/plan.html", "context": {"plans": [render_panel(panel) for panel in panels]}}


def job_summary(sheet: JobSheet) -> str:
    """Return the line that says which job a form is about."""
    return f"{sheet.number} · {sheet.customer} · {sheet.site} · {sheet.title}"


def technician_options(group: int) -> list[tuple[str, Any]]:
    """Return the group's technicians with the number of their open visits of the next days, fewest first."""
    technicians = technicians_of([group])
    until = clock.now() + timedelta(days=WORKLOAD_DAYS)
    query = (
        select(VisitMember.user_id, func.count())
        .join(Visit, Visit.id == VisitMember.visit_id)
        .where(VisitMember.user_id.in_([user for user, _ in technicians]), VisitMember.removed_at.is_(None))
        .where(Visit.state.in_(OPEN_VISIT), Visit.planned_start < until)
        .group_by(VisitMember.user_id)
    )
    open_visits = dict(db.session.execute(query).all())
    technicians.sort(key=lambda technician: (open_visits.get(technician[0], 0), technician[1]))
    return [
        (str(user), f"{name} · {ngettext('%(num)s open visit', '%(num)s open visits', open_visits.get(user, 0))}")
        for user, name in technicians
    ]
