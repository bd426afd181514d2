"""Pages of parts requests: the list, the form, one request, its correction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from fieldapp.errors import NotFound
from fieldapp.field.jobs import facts_of, job_lines, my_job_choices, sees_job
from fieldapp.kernel import clock
from fieldapp.platform.extensions import db
from fieldapp.platform.web import inputs
from fieldapp.platform.web.forms import FormPage, form_page
from fieldapp.platform.web.guards import actor, needs
from fieldapp.platform.web.render import render, wants_fragment
from fieldapp.services.accounts import names_of
from fieldapp.services.approvals import decider_text, history_of, last_returns, may_decide_now, people_in, seen_json
from fieldapp.services.attachments import files_of
from fieldapp.services.settings import applied, value
from fieldapp.supply.parts.commands.submit import may_request_for
from fieldapp.supply.parts.lists import LIST
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from fieldapp.supply.parts.policy import author_verbs
from fieldapp.supply.parts.queries import (
    ForApproval,
    facts_of_request,
    for_approval,
    grouped_choices,
    panel_of_job,
    sees,
)
from fieldapp.supply.parts.schemas import NOT_IN_CATALOGUE
from fieldapp.supply.parts.words import CATEGORIES, URGENCIES, about_request, request_state

bp = Blueprint("parts", __name__)

#: Default of the day by which parts are wanted, in days from today.
DEFAULT_DAYS = 2


@bp.get("/parts")
@needs("parts_request.view")
def requests() -> Response:
    """The requests this person sees, newest first."""
    return render("supply/parts/list.html", fragment="supply/parts/_requests.html", page=LIST.page(actor()))


@bp.get("/jobs/<uuid:job_id>/parts")
@needs("parts_request.view")
def of_job(job_id: UUID) -> Response:
    """Render the job page's panel of parts, to refresh it once a request was received."""
    if not sees_job(actor(), str(job_id)):
        raise NotFound("job.not_found")
    if not wants_fragment():
        return redirect(f"/jobs/{job_id}", 303)  # type: ignore[return-value]
    return render("supply/parts/_job_parts.html", panel=panel_of_job(actor(), str(job_id)))


@bp.route("/parts/new", methods=["GET", "POST"])
@needs("parts_request.submit")
def new() -> Response:
    """Show the form; with `?job=` for that job, with the parts for its devices first."""
    job_id = _job_from_query()
    wanted_on = clock.today() + timedelta(days=DEFAULT_DAYS)
    return form_page(
        FormPage(
            kind="parts_request.submit",
            agg=("parts_request", None),
            title=_l("Request parts"),
            done=f"/jobs/{job_id}" if job_id else url_for("parts.requests"),
            back=f"/jobs/{job_id}" if job_id else "/add",
            draft=f"parts_request:{job_id or 'new'}",
            record_title=gettext("Parts") + " · {lines.0.name}",
            initial={"job_id": job_id, "urgency": "normal", "wanted_on": wanted_on, "lines": [{"qty": 1}]},
            options={"job_id": _job_options(job_id)},
            template="supply/parts/new.html",
            context=_form_context(job_id),
        )
    )


def _job_from_query() -> str | None:
    """Return the job named in the address, or None. Raise NotFound if the actor may not request parts for it."""
    given, job_id = inputs.query("job"), inputs.query_id("job")
    if not given:
        return None
    facts = facts_of(job_id) if job_id else None
    if facts is None or not may_request_for(actor(), facts):
        raise NotFound("job.not_found")
    return job_id


def _job_options(job_id: str | None) -> list[tuple[str, str]]:
    choices = my_job_choices(actor())
    if job_id and job_id not in dict(choices):
        choices = [(job_id, job_lines([job_id])[job_id].words), *choices]
    return choices


def _form_context(job_id: str | None) -> Mapping[str, Any]:
    return {
        "part_groups": [(CATEGORIES.get(key, key), choices) for key, choices in grouped_choices(job_id)],
        "not_in_catalogue": NOT_IN_CATALOGUE,
        "limit": Decimal(value("parts.leader_limit", clock.now())),
        "applies": applied(["parts.leader_limit"], clock.now()),
    }


@bp.get("/parts/<uuid:request_id>")
@needs("parts_request.view")
def show(request_id: UUID) -> Response:
    """Show a request with its lines, job, approvals and photos."""
    approval = _visible_request(str(request_id), with_split=actor().can("parts_request.approve"))
    parts_request = approval.request
    rounds = history_of("parts_request", parts_request.id)
    last = rounds[-1][0] if rounds else None
    names = names_of({parts_request.requester_id} | people_in(rounds))
    return render(
        "supply/parts/request.html",
        fragment="supply/parts/_request.html",
        approval=approval,
        parts_request=parts_request,
        rounds=rounds,
        names=names,
        decider_text=decider_text,
        about=about_request(names.get(parts_request.requester_id, ""), parts_request.total),
        shown=request_state(parts_request.state, parts_request.goes_up),
        urgency=URGENCIES.get(parts_request.urgency, parts_request.urgency),
        photos=files_of("parts_request", [parts_request.id]).get(parts_request.id, []),
        verbs=author_verbs(actor(), facts_of_request(parts_request)),
        deciding=may_decide_now(actor(), last),
        seen_json=seen_json(*rounds[-1]) if rounds else "",
        # Purchasing sees the request, but not the jobs of its group.
        job_opens=parts_request.job_id is not None and sees_job(actor(), parts_request.job_id),
        returned=last_returns("parts_request", [parts_request.id]).get(parts_request.id)
        if parts_request.state == "returned_for_correction"
        else None,
    )


def _visible_request(request_id: str, with_split: bool = False) -> ForApproval:
    """Return the request if the actor may see it. Raise NotFound."""
    approval = for_approval([request_id], with_split).get(request_id)
    if approval is None or not sees(actor(), approval.request):
        raise NotFound("parts_request.not_found")
    return approval


@bp.route("/parts/<uuid:request_id>/correct", methods=["GET", "POST"])
@needs("parts_request.resubmit")
def correct(request_id: UUID) -> Response:
    """Show the form of a returned request, filled in."""
    parts_request = _own(str(request_id))
    url = url_for("parts.show", request_id=parts_request.id)
    lines = for_approval([parts_request.id], with_split=False)[parts_request.id].lines
    return form_page(
        FormPage(
            kind="parts_request.resubmit",
            agg=("parts_request", parts_request.id),
            title=_l("Correct"),
            done=url,
            back=url,
            draft=f"parts_request.resubmit:{parts_request.id}:{parts_request.ver}",
            record_title=gettext("Parts") + " · {lines.0.name}",
            submit=_l("Send again"),
            ver=parts_request.ver,
            knows=f"parts_request:{parts_request.id}",
            initial={
                "job_id": parts_request.job_id,
                "urgency": parts_request.urgency,
                "wanted_on": max(parts_request.wanted_on, clock.today()),
                "reason": parts_request.reason,
                "lines": [_form_line(priced.line) for priced in lines],
            },
            options={"job_id": _job_options(parts_request.job_id)},
            template="supply/parts/new.html",
            context={**_form_context(parts_request.job_id), "why": _return_reason(parts_request), "one": parts_request},
        )
    )


def _form_line(line: PartsLine) -> dict[str, Any]:
    return {
        "part_id": line.part_id or NOT_IN_CATALOGUE,
        "name": line.name,
        "qty": line.qty,
        "unit_price": f"{line.unit_price:.2f}",
        "note": line.note,
    }


def _return_reason(parts_request: PartsRequest) -> str:
    """Return the reason of the last return, or an empty text."""
    last = last_returns("parts_request", [parts_request.id]).get(parts_request.id)
    return last.reason if last else ""


@bp.route("/parts/<uuid:request_id>/withdraw", methods=["GET", "POST"])
@needs("parts_request.withdraw")
def withdraw(request_id: UUID) -> Response:
    """Show the withdrawal as a form, also without JavaScript."""
    parts_request = _own(str(request_id))
    url = url_for("parts.show", request_id=parts_request.id)
    return form_page(
        FormPage(
            kind="parts_request.withdraw",
            agg=("parts_request", parts_request.id),
            title=_l("Withdraw"),
            intro=parts_request.number,
            submit=_l("Withdraw"),
            done=url,
            back=url,
        )
    )


def _own(request_id: str) -> PartsRequest:
    """Return the actor's own request. Raise NotFound."""
    parts_request = db.session.get(PartsRequest, request_id)
    if parts_request is None or parts_request.requester_id != actor().id:
        raise NotFound("parts_request.not_found")
    return parts_request
