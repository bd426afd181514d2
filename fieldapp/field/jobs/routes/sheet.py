"""`/jobs/<id>` and its living parts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, redirect, render_template, url_for
from markupsafe import Markup

from fieldapp.errors import NotFound
from fieldapp.field.jobs import links, words
from fieldapp.field.jobs.policy import OPEN_JOB, OPEN_VISIT, OVER, TO_REASSIGN, may_amend_on, may_dispatch
from fieldapp.field.jobs.queries.details import AssetLine, details, times_of, times_of_visit
from fieldapp.field.jobs.queries.sheet import JobSheet, job_sheet
from fieldapp.field.jobs.routes import bp
from fieldapp.field.jobs.steps import STEP_OF, stage, stage_reported, stages_ahead
from fieldapp.kernel.offers import Panel
from fieldapp.platform.extensions import OFFERS
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render, wants_fragment
from fieldapp.services.settings import figure


@bp.get("/jobs/<uuid:job>")
@needs("job.view")
def show(job: UUID) -> Response:
    """A job with its one next action, whom to call, what stands there, and what happened (D-JOB-5)."""
    sheet = sheet_or_404(job)
    events, assets = details(sheet, actor())
    times = times_of(events, sheet.visit.id) if sheet.visit else {}
    return render(
        "field/jobs/job.html",
        job=sheet,
        **_equipment(sheet, assets),
        events=events,
        late=any(event.late for event in events),
        panels=[drawn(panel) for panel in OFFERS().job_panels(actor(), sheet)],
        map=links.map_url(sheet.lat, sheet.lon, f"{sheet.customer} {sheet.site}", sheet.address),
        call=links.call_url(sheet.phone or ""),
        words=words,
        **_progress(sheet, times),
    )


@bp.get("/jobs/<uuid:job>/steps")
@needs("job.view")
def steps(job: UUID) -> Response:
    """The steps with the next action, to be renewed in a page that is open."""
    if not wants_fragment():
        return redirect(url_for("jobs.show", job=job))  # type: ignore[return-value]
    sheet = sheet_or_404(job)
    times = times_of_visit(sheet.visit.id) if sheet.visit else {}
    return render("field/jobs/_visit_steps.html", job=sheet, words=words, **_progress(sheet, times))


@bp.get("/jobs/<uuid:job>/timeline")
@needs("job.view")
def timeline(job: UUID) -> Response:
    """What happened, to be renewed in a page that is open."""
    if not wants_fragment():
        return redirect(url_for("jobs.show", job=job))  # type: ignore[return-value]
    sheet = sheet_or_404(job)
    events, _ = details(sheet, actor())
    return render("field/jobs/_timeline.html", job=sheet, events=events, words=words)


@bp.get("/jobs/<uuid:job>/summary")
@needs("job.view")
def summary(job: UUID) -> Response:
    """What the job is, to be renewed in a page that is open."""
    if not wants_fragment():
        return redirect(url_for("jobs.show", job=job))  # type: ignore[return-value]
    sheet = sheet_or_404(job)
    return render("field/jobs/_summary.html", job=sheet, words=words, **_progress(sheet, {}))


@bp.get("/jobs/<uuid:job>/equipment")
@needs("job.view")
def equipment(job: UUID) -> Response:
    """What stands there, to be renewed in a page that is open."""
    if not wants_fragment():
        return redirect(url_for("jobs.show", job=job))  # type: ignore[return-value]
    sheet = sheet_or_404(job)
    _, lines = details(sheet, actor())
    return render("field/jobs/_equipment.html", job=sheet, words=words, **_equipment(sheet, lines))


def _equipment(sheet: JobSheet, lines: list[AssetLine]) -> dict[str, Any]:
    """The assets, and whether the person corrects them."""
    who = actor()
    return {"equipment": lines, "may_amend": who.can("asset.amend") and may_amend_on(who, sheet.facts)}


def sheet_or_404(job: UUID) -> JobSheet:
    """The job, if the person may see it. Raises NotFound for other people's jobs as for none."""
    sheet = job_sheet(actor(), str(job))
    if sheet is None:
        raise NotFound("job.not_found")
    return sheet


def _progress(sheet: JobSheet, times: dict[str, Any]) -> dict[str, Any]:
    """Where the visit stands, what may come of it, and who may do what."""
    who, visit = actor(), sheet.visit
    leads = who.can("job.dispatch") and may_dispatch(who, sheet.facts)
    mine = visit is not None and who.id in visit.members
    return {
        "visit": visit,
        "now": stage(visit.state, times) if visit else None,
        "ahead": stages_ahead(visit.state, times) if visit and mine else [],
        "reported": stage_reported(visit.state, times) if visit and mine else None,
        "mine": mine,
        # Nothing done on site is kept of a visit that nobody set out for.
        "was_begun": any(tap in times for tap in STEP_OF),
        "in_charge": visit is not None and visit.technician_id == who.id,
        "given_away": visit is not None and not mine and who.id in visit.former,
        "leads": leads,
        "may_dispatch": leads and sheet.state not in OVER,
        "may_cancel": leads and sheet.state in OPEN_JOB,
        "to_reassign": visit is not None and visit.state in TO_REASSIGN,
        "to_cancel": visit is not None and visit.state in OPEN_VISIT,
        "radius": figure("jobs.arrival_radius"),
    }


def drawn(panel: Panel) -> Markup:
    """A feature's own part of the page; its template finds its context by name and, like in the inbox, as `panel`."""
    html = render_template(panel.template, **{**panel.context, "panel": panel.context})
    # Drawn by our own templates, which escape what people typed.
    return Markup(html)  # noqa: S704
