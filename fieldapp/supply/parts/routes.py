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
from fieldapp.services.approvals import history_of, last_returns, may_decide_now, seen_json
from fieldapp.services.attachments import files_of
from fieldapp.services.settings import figure
from fieldapp.supply.parts.commands.submit import may_ask_for
from fieldapp.supply.parts.lists import LIST
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from fieldapp.supply.parts.policy import open_to_author
from fieldapp.supply.parts.queries import (
    ForApproval,
    facts_of_request,
    for_approval,
    grouped_choices,
    panel_of_job,
    sees,
)
from fieldapp.supply.parts.schemas import NOT_IN_CATALOGUE
from fieldapp.supply.parts.words import CATEGORIES, STATES, URGENCIES, about_request, look

bp = Blueprint("parts", __name__)

#: How many days from today parts are wanted by, unless one says otherwise.
USUAL_DAYS = 2


@bp.get("/parts")
@needs("parts_request.view")
def requests() -> Response:
    """The requests this person sees, newest first."""
    return render("supply/parts/list.html", fragment="supply/parts/_requests.html", page=LIST.page(actor()))


@bp.get("/jobs/<uuid:job_id>/parts")
@needs("parts_request.view")
def of_job(job_id: UUID) -> Response:
    """The parts' part of a job's page, by itself: it is fetched again once a request has arrived."""
    if not sees_job(actor(), str(job_id)):
        raise NotFound("job.not_found")
    if not wants_fragment():
        return redirect(f"/jobs/{job_id}", 303)  # type: ignore[return-value]
    return render("supply/parts/_job_parts.html", panel=panel_of_job(actor(), str(job_id)))


@bp.route("/parts/new", methods=["GET", "POST"])
@needs("parts_request.submit")
def new() -> Response:
    """The form; with `?job=` for that job, whose devices' parts come first."""
    job_id = _asked_job()
    wanted_on = clock.today() + timedelta(days=USUAL_DAYS)
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
            options={"job_id": _jobs(job_id)},
            template="supply/parts/new.html",
            context=_form_context(job_id),
        )
    )


def _asked_job() -> str | None:
    """The job named in the address. Raises NotFound where it is none of this person's."""
    asked, job_id = inputs.query("job"), inputs.query_id("job")
    if not asked:
        return None
    facts = facts_of(job_id) if job_id else None
    if facts is None or not may_ask_for(actor(), facts):
        raise NotFound("job.not_found")
    return job_id


def _jobs(job_id: str | None) -> list[tuple[str, str]]:
    choices = my_job_choices(actor())
    if job_id and job_id not in dict(choices):
        choices = [(job_id, job_lines([job_id])[job_id].words), *choices]
    return choices


def _form_context(job_id: str | None) -> Mapping[str, Any]:
    return {
        "part_groups": [(CATEGORIES.get(key, key), choices) for key, choices in grouped_choices(job_id)],
        "not_in_catalogue": NOT_IN_CATALOGUE,
        "limit": Decimal(figure("parts.leader_limit")),
    }


@bp.get("/parts/<uuid:request_id>")
@needs("parts_request.view")
def show(request_id: UUID) -> Response:
    """One request: what, for what, where it stands, who decided what and why."""
    found = _seen(str(request_id), with_split=actor().can("parts_request.approve"))
    one = found.request
    rounds = history_of("parts_request", one.id)
    people = {one.requester_id, *(step.decided_by for _, steps in rounds for step in steps if step.decided_by)}
    last = rounds[-1][0] if rounds else None
    names = names_of(people)
    return render(
        "supply/parts/request.html",
        fragment="supply/parts/_request.html",
        found=found,
        one=one,
        rounds=rounds,
        names=names,
        about=about_request(names.get(one.requester_id, ""), one.total),
        state_words=STATES.get(one.state, one.state),
        look=look(one.state, one.goes_up),
        urgency=URGENCIES.get(one.urgency, one.urgency),
        photos=files_of("parts_request", [one.id]).get(one.id, []),
        verbs=open_to_author(actor(), facts_of_request(one)),
        deciding=may_decide_now(actor(), last),
        seen_json=seen_json(*rounds[-1]) if rounds else "",
        # Who only buys sees the request, but no job of its group.
        job_opens=one.job_id is not None and sees_job(actor(), one.job_id),
        returned=last_returns("parts_request", [one.id]).get(one.id)
        if one.state == "returned_for_correction"
        else None,
    )


def _seen(request_id: str, with_split: bool = False) -> ForApproval:
    """The request, if this person may see it. Raises NotFound."""
    found = for_approval([request_id], with_split).get(request_id)
    if found is None or not sees(actor(), found.request):
        raise NotFound("parts_request.not_found")
    return found


@bp.route("/parts/<uuid:request_id>/correct", methods=["GET", "POST"])
@needs("parts_request.resubmit")
def correct(request_id: UUID) -> Response:
    """A returned request, to be sent again."""
    one = _own(str(request_id))
    url = url_for("parts.show", request_id=one.id)
    lines = for_approval([one.id], with_split=False)[one.id].lines
    return form_page(
        FormPage(
            kind="parts_request.resubmit",
            agg=("parts_request", one.id),
            title=_l("Correct"),
            done=url,
            back=url,
            draft=f"parts_request.resubmit:{one.id}:{one.ver}",
            record_title=gettext("Parts") + " · {lines.0.name}",
            submit=_l("Send again"),
            ver=one.ver,
            knows=f"parts_request:{one.id}",
            initial={
                "job_id": one.job_id,
                "urgency": one.urgency,
                "wanted_on": max(one.wanted_on, clock.today()),
                "reason": one.reason,
                "lines": [_typed(priced.line) for priced in lines],
            },
            options={"job_id": _jobs(one.job_id)},
            template="supply/parts/new.html",
            context={**_form_context(one.job_id), "why": _why_returned(one), "one": one},
        )
    )


def _typed(line: PartsLine) -> dict[str, Any]:
    return {
        "part_id": line.part_id or NOT_IN_CATALOGUE,
        "name": line.name,
        "qty": line.qty,
        "unit_price": f"{line.unit_price:.2f}",
        "note": line.note,
    }


def _why_returned(one: PartsRequest) -> str:
    """What the one who returned it said."""
    last = last_returns("parts_request", [one.id]).get(one.id)
    return last.reason if last else ""


@bp.route("/parts/<uuid:request_id>/withdraw", methods=["GET", "POST"])
@needs("parts_request.withdraw")
def withdraw(request_id: UUID) -> Response:
    """Taking a request back, also without JavaScript."""
    one = _own(str(request_id))
    url = url_for("parts.show", request_id=one.id)
    return form_page(
        FormPage(
            kind="parts_request.withdraw",
            agg=("parts_request", one.id),
            title=_l("Withdraw"),
            intro=one.number,
            submit=_l("Withdraw"),
            done=url,
            back=url,
        )
    )


def _own(request_id: str) -> PartsRequest:
    """A request of this person's own. Raises NotFound."""
    one = db.session.get(PartsRequest, request_id)
    if one is None or one.requester_id != actor().id:
        raise NotFound("parts_request.not_found")
    return one
