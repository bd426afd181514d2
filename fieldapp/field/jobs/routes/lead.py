"""The leader's forms for a job under way: change, reassign, cancel, restore."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotAllowed, NotFound
from fieldapp.field.jobs.commands.change import JOB_FIELDS, VISIT_FIELDS, change
from fieldapp.field.jobs.policy import OPEN_VISIT, may_dispatch
from fieldapp.field.jobs.queries.sheet import JobSheet, VisitLine
from fieldapp.field.jobs.routes import bp
from fieldapp.field.jobs.routes.actions import job_summary, plan_template, technician_options
from fieldapp.field.jobs.routes.history import history_lines
from fieldapp.field.jobs.routes.sheet import sheet_or_404
from fieldapp.platform.commandbus import field_history
from fieldapp.platform.extensions import db
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs


@bp.route("/jobs/<uuid:job>/change", methods=["GET", "POST"])
@needs("job.change")
def change_job(job: UUID) -> Response:
    """Show the form for the job's fields and the planned time. Changes of two people are compared field by field."""
    sheet = _sheet_of_leader(job)
    visit = sheet.visit if sheet.visit and sheet.visit.state in OPEN_VISIT else None
    names = (*JOB_FIELDS, *(VISIT_FIELDS if visit else ()))
    initial: dict[str, Any] = {name: getattr(sheet, attribute) for name, attribute in JOB_FIELDS.items()}
    if visit:
        initial |= {name: getattr(visit, name) for name in VISIT_FIELDS} | {"visit_id": visit.id}
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
                "without": () if visit else VISIT_FIELDS,
                "history": history_lines(change, field_history(db.session(), ("job", sheet.id), names)),
            },
        )
    )


@bp.route("/jobs/<uuid:job>/cancel", methods=["GET", "POST"])
@needs("job.cancel")
def cancel_job(job: UUID) -> Response:
    """Show the form that cancels the whole job."""
    sheet = _sheet_of_leader(job)
    title = gettext("Cancel the job")
    page = _page(sheet, "job.cancel", ("job", sheet.id))
    return form_page(
        FormPage(**page, title=title, submit=title, record_title=f"{title} · {sheet.customer}", draft=f"cancel:{job}")
    )


@bp.route("/jobs/<uuid:job>/restore", methods=["GET", "POST"])
@needs("job.restore")
def restore_job(job: UUID) -> Response:
    """Show the form that takes the cancellation back."""
    sheet = _sheet_of_leader(job)
    title = gettext("Take the cancellation back")
    page = _page(sheet, "job.restore", ("job", sheet.id))
    return form_page(FormPage(**page, title=title, submit=title, record_title=f"{title} · {sheet.customer}"))


@bp.route("/jobs/<uuid:job>/visits/<uuid:visit>/cancel", methods=["GET", "POST"])
@needs("visit.cancel")
def cancel_visit(job: UUID, visit: UUID) -> Response:
    """Show the form that cancels one visit."""
    sheet = _sheet_of_leader(job)
    visit_line = _visit(sheet, visit)
    title = gettext("Cancel the visit")
    page = _page(sheet, "visit.cancel", ("visit", visit_line.id))
    return form_page(
        FormPage(
            **page,
            title=title,
            submit=title,
            record_title=f"{title} · {sheet.customer}",
            draft=f"cancel:{visit_line.id}",
        )
    )


@bp.route("/jobs/<uuid:job>/visits/<uuid:visit>/reassign", methods=["GET", "POST"])
@needs("visit.reassign")
def reassign(job: UUID, visit: UUID) -> Response:
    """Show the form that gives a visit to other technicians; those with the fewest open visits come first."""
    sheet = _sheet_of_leader(job)
    visit_line = _visit(sheet, visit)
    technicians = technician_options(sheet.group_id)
    return form_page(
        FormPage(
            **_page(sheet, "visit.reassign", ("visit", visit_line.id)),
            title=_l("Give to somebody else"),
            submit=_l("Give the visit"),
            draft=f"reassign:{visit_line.id}",
            record_title=f"{gettext('Give to somebody else')} · {sheet.customer}",
            options={
                "technician_id": [option for option in technicians if option[0] != str(visit_line.technician_id)],
                "second_id": technicians,
            },
            **plan_template(sheet, visit_line.id),
        )
    )


def _sheet_of_leader(job: UUID) -> JobSheet:
    """Return the job if the actor leads its group. Raise NotFound, NotAllowed."""
    sheet = sheet_or_404(job)
    if not may_dispatch(actor(), sheet.facts):
        raise NotAllowed("job.not_yours", _l("Only the leader of the job's group plans its visits."))
    return sheet


def _visit(sheet: JobSheet, visit: UUID) -> VisitLine:
    visit_line = next((candidate for candidate in sheet.visits if candidate.id == str(visit)), None)
    if visit_line is None:
        raise NotFound("visit.not_found")
    return visit_line


def _page(sheet: JobSheet, kind: str, agg: tuple[str, str]) -> dict[str, Any]:
    """Return the FormPage arguments that all these forms share."""
    where = url_for("jobs.show", job=sheet.id)
    return {"kind": kind, "agg": agg, "done": where, "back": where, "intro": job_summary(sheet)}
