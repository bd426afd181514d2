"""What the leader does to a job that is under way: change, give to somebody else, cancel, take that back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotAllowed, NotFound
from fieldapp.field.jobs.commands.change import OF_THE_JOB, OF_THE_VISIT, change
from fieldapp.field.jobs.policy import OPEN_VISIT, may_dispatch
from fieldapp.field.jobs.queries.sheet import JobSheet, VisitLine
from fieldapp.field.jobs.routes import bp
from fieldapp.field.jobs.routes.actions import intro_of, people_to_choose, planning
from fieldapp.field.jobs.routes.history import shown_history
from fieldapp.field.jobs.routes.sheet import sheet_or_404
from fieldapp.platform.commandbus import field_history
from fieldapp.platform.extensions import db
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs


@bp.route("/jobs/<uuid:job>/change", methods=["GET", "POST"])
@needs("job.change")
def change_job(job: UUID) -> Response:
    """What is planned and known of the job; changes of two people are compared field by field."""
    sheet = _led(job)
    visit = sheet.visit if sheet.visit and sheet.visit.state in OPEN_VISIT else None
    names = OF_THE_JOB + (OF_THE_VISIT if visit else ())
    initial: dict[str, Any] = {name: getattr(sheet, name) for name in OF_THE_JOB}
    if visit:
        initial |= {name: getattr(visit, name) for name in OF_THE_VISIT} | {"visit_id": visit.id}
    return form_page(
        FormPage(
            **_page(sheet, "job.change", ("job", sheet.id)),
            title=_l("Change the job"),
            submit=_l("Save the change"),
            draft=f"job:change:{sheet.id}",
            record_title=f"{gettext('Change the job')} · {sheet.customer}",
            initial=initial,
            ver=sheet.ver,
            template="field/jobs/change.html",
            context={
                "without": () if visit else OF_THE_VISIT,
                "history": shown_history(change, field_history(db.session(), ("job", sheet.id), names)),
            },
        )
    )


@bp.route("/jobs/<uuid:job>/cancel", methods=["GET", "POST"])
@needs("job.cancel")
def cancel_job(job: UUID) -> Response:
    """Calls the whole job off, with the reason that its technicians are told."""
    sheet = _led(job)
    title = gettext("Cancel the job")
    page = _page(sheet, "job.cancel", ("job", sheet.id))
    return form_page(
        FormPage(**page, title=title, submit=title, record_title=f"{title} · {sheet.customer}", draft=f"cancel:{job}")
    )


@bp.route("/jobs/<uuid:job>/restore", methods=["GET", "POST"])
@needs("job.restore")
def restore_job(job: UUID) -> Response:
    """Takes the cancellation back."""
    sheet = _led(job)
    title = gettext("Take the cancellation back")
    page = _page(sheet, "job.restore", ("job", sheet.id))
    return form_page(FormPage(**page, title=title, submit=title, record_title=f"{title} · {sheet.customer}"))


@bp.route("/jobs/<uuid:job>/visits/<uuid:visit>/cancel", methods=["GET", "POST"])
@needs("visit.cancel")
def cancel_visit(job: UUID, visit: UUID) -> Response:
    """Calls one visit off."""
    sheet = _led(job)
    line = _visit(sheet, visit)
    title = gettext("Cancel the visit")
    page = _page(sheet, "visit.cancel", ("visit", line.id))
    return form_page(
        FormPage(
            **page, title=title, submit=title, record_title=f"{title} · {sheet.customer}", draft=f"cancel:{line.id}"
        )
    )


@bp.route("/jobs/<uuid:job>/visits/<uuid:visit>/reassign", methods=["GET", "POST"])
@needs("visit.reassign")
def reassign(job: UUID, visit: UUID) -> Response:
    """Gives a visit to somebody else; the least busy technicians come first."""
    sheet = _led(job)
    line = _visit(sheet, visit)
    people = people_to_choose(sheet.group_id)
    return form_page(
        FormPage(
            **_page(sheet, "visit.reassign", ("visit", line.id)),
            title=_l("Give to somebody else"),
            submit=_l("Give the visit"),
            draft=f"reassign:{line.id}",
            record_title=f"{gettext('Give to somebody else')} · {sheet.customer}",
            options={
                "technician_id": [one for one in people if one[0] != str(line.technician_id)],
                "second_id": people,
            },
            **planning(sheet, line.id),
        )
    )


def _led(job: UUID) -> JobSheet:
    """The job, if the person leads its group. Raises NotFound, NotAllowed."""
    sheet = sheet_or_404(job)
    if not may_dispatch(actor(), sheet.facts):
        raise NotAllowed("job.not_yours", _l("Only the leader of the job's group plans its visits."))
    return sheet


def _visit(sheet: JobSheet, visit: UUID) -> VisitLine:
    line = next((one for one in sheet.visits if one.id == str(visit)), None)
    if line is None:
        raise NotFound("visit.not_found")
    return line


def _page(sheet: JobSheet, kind: str, agg: tuple[str, str]) -> dict[str, Any]:
    """What all these forms have in common."""
    where = url_for("jobs.show", job=sheet.id)
    return {"kind": kind, "agg": agg, "done": where, "back": where, "intro": intro_of(sheet)}
