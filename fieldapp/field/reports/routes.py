"""Pages of reports: the form of a visit, the report, its correction, the list."""

from __future__ import annotations

from functools import cache, partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotAllowed, NotFound
from fieldapp.field.jobs import Job, job_lines, sees_job
from fieldapp.field.reports.commands.submit import resubmit
from fieldapp.field.reports.lists import LIST
from fieldapp.field.reports.models import ServiceReport
from fieldapp.field.reports.policy import REPORT, late_reason
from fieldapp.field.reports.queries.due import due_by_job, technician_names, terminals_at_site
from fieldapp.field.reports.queries.one import view
from fieldapp.field.reports.queries.panels import about_report, reports_of_job
from fieldapp.field.reports.schemas import METHOD_WORDS, RESULT_WORDS, Content, DeviceRow
from fieldapp.kernel import clock
from fieldapp.platform.extensions import db
from fieldapp.platform.web.fields import Form
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render, wants_fragment
from fieldapp.platform.web.states import shown
from fieldapp.supply.parts import part_choices

bp = Blueprint("reports", __name__)


@bp.record_once
def _register_template_globals(setup: BlueprintSetupState) -> None:
    """Make labels of stored codes available to all templates: panels are rendered on other features' pages."""
    setup.app.jinja_env.globals.update(
        report_words={"result": RESULT_WORDS, "state": partial(shown, REPORT), "method": METHOD_WORDS},
        device_labels=_labels(DeviceRow),
        from_iso=clock.parse_iso,
    )


@bp.route("/jobs/<uuid:job_id>/report", methods=["GET", "POST"])
@needs("service_report.submit")
def new(job_id: UUID) -> Response:
    """Show the form of the person's visit on this job; the correction form if a report is under way."""
    job = db.session.get(Job, str(job_id))
    due = due_by_job(actor(), [job.id]).get(job.id) if job else None
    if job is None or due is None:
        raise _no_form(job)
    if due.report_id is not None and due.report_state != "accepted" and request.method != "POST":
        # No redirect: this page is kept on the phone, the other one may not be.
        return _correction_form(due.report_id)
    visit_id = due.visit.id
    late_why = late_reason(due.visit.state, job.state, due.still_on)
    return form_page(
        FormPage(
            kind="service_report.submit",
            agg=("service_report", None),
            title=_l("Service report"),
            done=f"/jobs/{job.id}",
            back=f"/jobs/{job.id}",
            draft=f"service_report:{visit_id}",
            record_title=f"{gettext('Service report')} · {{result}}",
            submit=_l("Send the report"),
            initial={"visit_id": visit_id, "plan_people": technician_names(due.visit)},
            options={"part_id": _part_options()},
            template="field/reports/form.html",
            knows=f"job:{job.id} due:{job.id}",
            context={**_form_context(job), "visit_id": visit_id, "late_why": late_why, "due": due},
        )
    )


@bp.get("/reports")
@needs("service_report.view")
def listing() -> Response:
    """Reports, newest first, by state, month and technician."""
    page = LIST.page(actor())
    return render("field/reports/list.html", fragment="field/reports/_list.html", page=page)


@bp.get("/reports/<uuid:report_id>")
@needs("service_report.view")
def show(report_id: UUID) -> Response:
    """Show a report to read and to print, with every version and decision."""
    seen = view(actor(), str(report_id))
    return render(
        "field/reports/report.html",
        fragment="field/reports/_report.html",
        seen=seen,
        about=about_report(seen.author, seen.job.words),
        labels=_labels(Content),
    )


@bp.route("/reports/<uuid:report_id>/correct", methods=["GET", "POST"])
@needs("service_report.resubmit")
def correct(report_id: UUID) -> Response:
    """Show the report's form filled in, with the reason of the return. It has to be signed again (D-JOB-12)."""
    return _correction_form(str(report_id))


@bp.get("/jobs/<uuid:job_id>/reports")
@needs("service_report.view")
def of_job(job_id: UUID) -> Response:
    """Render the job page's panel of reports, to refresh it once a report was received."""
    job = db.session.get(Job, str(job_id))
    if job is None or not sees_job(actor(), job.id):
        raise NotFound("job.not_found")
    if not wants_fragment():
        return redirect(f"/jobs/{job.id}", 303)  # type: ignore[return-value]
    return render("field/reports/_job.html", panel=reports_of_job(actor(), job.id))


def _no_form(job: Job | None) -> NotFound | NotAllowed:
    """Return NotAllowed for people who may see the job, else NotFound."""
    if job is None or not sees_job(actor(), job.id):
        return NotFound("job.not_found")
    return NotAllowed("visit.not_yours", gettext("You are not on this job."))


def _redirect_to_report(report_id: str) -> Response:
    return redirect(url_for("reports.show", report_id=report_id), 303)  # type: ignore[return-value]


def _correction_form(report_id: str) -> Response:
    seen = view(actor(), report_id)
    report: ServiceReport = seen.report
    if report.author_id != actor().id:
        raise NotFound("service_report.not_found")
    if not seen.may_correct:
        return _redirect_to_report(report.id)
    job = db.session.get_one(Job, report.job_id)
    returned = report.state == "returned"
    record_title = gettext("Corrected service report") if returned else gettext("Added to the service report")
    return form_page(
        FormPage(
            kind="service_report.resubmit",
            agg=("service_report", report.id),
            title=_l("Correct the report") if returned else _l("Add to the report"),
            action=url_for("reports.correct", report_id=report.id),
            # Not the report: the job's page is more likely to be kept on the phone, and lists unsent records.
            done=f"/jobs/{job.id}",
            back=f"/reports/{report.id}",
            draft=f"service_report.resubmit:{report.id}:{report.version}",
            record_title=f"{record_title} · {report.ref}",
            submit=_l("Send the corrected report") if returned else _l("Send the addition"),
            initial=seen.current.initial,
            options={"part_id": _part_options()},
            template="field/reports/form.html",
            knows=f"service_report:{report.id}",
            context={**_form_context(job), "seen": seen, "late_why": report.late_why},
        )
    )


def _part_options() -> list[tuple[str, str, dict[str, str]]]:
    """Return the catalogue as options; a choice fills in the price."""
    return [(part, label, {"unit_price": values["unit_price"]}) for part, label, values in part_choices()]


def _form_context(job: Job) -> dict[str, Any]:
    """Return what the form shows besides its fields."""
    return {
        "job": job,
        "line": job_lines([job.id])[job.id],
        "devices_open": job.category == "gps_terminal",
        "plates": terminals_at_site(job),
        "more_schema": resubmit.version,
    }


@cache
def _labels(schema: type[Form]) -> dict[str, Any]:
    """Return the labels of the form's fields by name."""
    labels = {name: form_field.metadata.get("label", name) for name, form_field in schema().load_fields.items()}
    return {**labels, "photos": _l("Photos")}
