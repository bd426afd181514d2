"""`/jobs/<id>` and the fragments that refresh it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, redirect, render_template, url_for
from markupsafe import Markup

from fieldapp.errors import NotFound
from fieldapp.field.customers import call_url, map_url
from fieldapp.field.jobs import words
from fieldapp.field.jobs.extension_points import job_panels
from fieldapp.field.jobs.policy import CLOSED_JOB, OPEN_JOB, OPEN_VISIT, TO_REASSIGN, may_amend_on, may_dispatch
from fieldapp.field.jobs.queries.details import AssetLine, details, times_of, times_of_visit
from fieldapp.field.jobs.queries.sheet import JobSheet, job_sheet
from fieldapp.field.jobs.routes import bp
from fieldapp.field.jobs.steps import STEP_OF, reachable_stages, stage, stage_reported
from fieldapp.kernel import clock
from fieldapp.kernel.manifest import Panel
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render, wants_fragment
from fieldapp.services.settings import value


@bp.get("/jobs/<uuid:job>")
@needs("job.view")
def show(job: UUID) -> Response:
    """Show a job: next action, contact, assets, timeline, and the panels of other features (D-JOB-5)."""
    sheet = sheet_or_404(job)
    events, assets = details(sheet, actor())
    times = times_of(events, sheet.visit.id) if sheet.visit else {}
    return render(
        "field/jobs/job.html",
        job=sheet,
        **_equipment(sheet, assets),
        events=events,
        late=any(event.late for event in events),
        panels=[render_panel(panel) for panel in job_panels(actor(), sheet)],
        map=map_url(sheet.lat, sheet.lon, f"{sheet.customer} {sheet.site}", sheet.address),
        call=call_url(sheet.phone or ""),
        words=words,
        **_progress(sheet, times),
    )


@bp.get("/jobs/<uuid:job>/steps")
@needs("job.view")
def steps(job: UUID) -> Response:
    """Render the steps and the next action, to refresh an open page."""
    if not wants_fragment():
        return redirect(url_for("jobs.show", job=job))  # type: ignore[return-value]
    sheet = sheet_or_404(job)
    times = times_of_visit(sheet.visit.id) if sheet.visit else {}
    return render("field/jobs/_visit_steps.html", job=sheet, words=words, **_progress(sheet, times))


@bp.get("/jobs/<uuid:job>/timeline")
@needs("job.view")
def timeline(job: UUID) -> Response:
    """Render the timeline, to refresh an open page."""
    if not wants_fragment():
        return redirect(url_for("jobs.show", job=job))  # type: ignore[return-value]
    sheet = sheet_or_404(job)
    events, _ = details(sheet, actor())
    return render("field/jobs/_timeline.html", job=sheet, events=events, words=words)


@bp.get("/jobs/<uuid:job>/summary")
@needs("job.view")
def summary(job: UUID) -> Response:
    """Render the job's summary, to refresh an open page."""
    if not wants_fragment():
        return redirect(url_for("jobs.show", job=job))  # type: ignore[return-value]
    sheet = sheet_or_404(job)
    return render("field/jobs/_summary.html", job=sheet, words=words, **_progress(sheet, {}))


@bp.get("/jobs/<uuid:job>/equipment")
@needs("job.view")
def equipment(job: UUID) -> Response:
    """Render the assets, to refresh an open page."""
    if not wants_fragment():
        return redirect(url_for("jobs.show", job=job))  # type: ignore[return-value]
    sheet = sheet_or_404(job)
    _, lines = details(sheet, actor())
    return render("field/jobs/_equipment.html", job=sheet, words=words, **_equipment(sheet, lines))


def _equipment(sheet: JobSheet, lines: list[AssetLine]) -> dict[str, Any]:
    """Return the assets, and whether the actor may correct them."""
    who = actor()
    return {"equipment": lines, "may_amend": who.can("asset.amend") and may_amend_on(who, sheet.facts)}


def sheet_or_404(job: UUID) -> JobSheet:
    """Return the job if the actor may see it. Raise NotFound, also for jobs that exist."""
    sheet = job_sheet(actor(), str(job))
    if sheet is None:
        raise NotFound("job.not_found")
    return sheet


def _progress(sheet: JobSheet, times: dict[str, Any]) -> dict[str, Any]:
    """Return the visit's stage, the previews of later stages, and what the actor may do."""
    who, visit = actor(), sheet.visit
    leads = who.can("job.dispatch") and may_dispatch(who, sheet.facts)
    mine = visit is not None and who.id in visit.members
    return {
        "visit": visit,
        "now": stage(visit.state, times) if visit else None,
        "ahead": reachable_stages(visit.state, times) if visit and mine else [],
        "reported": stage_reported(visit.state, times) if visit and mine else None,
        "mine": mine,
        # Decides whether the page says that work done on site was kept.
        "was_begun": any(tap in times for tap in STEP_OF),
        "in_charge": visit is not None and visit.technician_id == who.id,
        "given_away": visit is not None and not mine and who.id in visit.former,
        "leads": leads,
        "may_dispatch": leads and sheet.state not in CLOSED_JOB,
        "may_cancel": leads and sheet.state in OPEN_JOB,
        "to_reassign": visit is not None and visit.state in TO_REASSIGN,
        "to_cancel": visit is not None and visit.state in OPEN_VISIT,
        "radius": value("jobs.arrival_radius", clock.now()),
    }


def render_panel(panel: Panel) -> Markup:
    """Render a panel of another feature. Its template reads its context by name and as `panel`."""
    html = render_template(panel.template, **{**panel.context, "panel": panel.context})
    # Rendered by our own templates, which escape user input.
    return Markup(html)  # noqa: S704
