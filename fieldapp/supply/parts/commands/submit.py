"""Commands of the author: submit, resubmit, withdraw (D-PART-1, D-PART-5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete

from fieldapp.errors import Invalid
from fieldapp.field.jobs import Job, JobFacts, facts_of, may_work_on
from fieldapp.kernel import clock, ids
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.policies import author_only
from fieldapp.platform.commandbus import UNDO, Context, Effect, Loaded, Photos, command, record, require_new
from fieldapp.services.approvals import close_case
from fieldapp.supply.parts.commands.record import (
    KIND,
    audit_values,
    notify_requester,
    request_number,
    state_after,
    store_request,
)
from fieldapp.supply.parts.models import PartsLine, PartsRequest
from fieldapp.supply.parts.schemas import Correct, Submit, Withdraw

PHOTOS = (Photos("photo", _l("Photos"), most=5, hint=_l("The old part and its label help purchasing.")),)

#: Only the author corrects or withdraws a request (D-PART-5).
IS_AUTHOR = author_only("requester_id")


def _load_job(ctx: Context, data: Mapping[str, Any]) -> JobFacts | None:
    job_id = data.get("job_id")
    if job_id is None:
        return None
    facts = facts_of(job_id)
    if facts is None:
        raise Invalid.field("job_id", _l("This job is not known."))
    return facts


def may_request_for(actor: Actor, job: JobFacts | None) -> bool:
    """Allow requests without a job, members and former members of the job, and the leader of its group."""
    return job is None or may_work_on(actor, job) or job.group_id in actor.leads


@command(
    "parts_request.submit",
    label=_l("Request parts"),
    schema=Submit,
    load=_load_job,
    may=may_request_for,
    photos=PHOTOS,
    own_work=True,
)
def submit(ctx: Context, job: JobFacts | None, data: dict[str, Any]) -> Effect:
    """Store a new request; its lines decide on the approval chain."""
    require_new(ctx, data, PartsRequest, _l("This request was already sent."))
    _check_data(ctx, job, data)
    request = PartsRequest(
        id=ctx.id,
        number=request_number(ctx, ctx.id),
        job_id=data.get("job_id"),
        group_id=_group_of(ctx.actor, job),
        requester_id=ctx.actor.id,
        urgency=data["urgency"],
        wanted_on=data["wanted_on"],
        reason=data.get("reason", ""),
        submitted_at=ctx.at,
        received_at=ctx.now,
        ver=1,
    )
    store_request(ctx, request, data["lines"])
    return Effect(ref=request.number, ver=request.ver, after=audit_values(request))


Correction = Loaded[PartsRequest, JobFacts | None]


def _load_correction(ctx: Context, data: dict[str, Any]) -> Correction:
    return Loaded(ctx.load(PartsRequest, ctx.id), _load_job(ctx, data))


def _may_correct(actor: Actor, correction: Correction) -> bool:
    return IS_AUTHOR(actor, correction.record) and may_request_for(actor, correction.facts)


@command(
    "parts_request.resubmit",
    label=_l("Send again"),
    schema=Correct,
    load=_load_correction,
    may=_may_correct,
    photos=PHOTOS,
    own_work=True,
)
def resubmit(ctx: Context, correction: Correction, data: dict[str, Any]) -> Effect:
    """Store the corrected content of a returned request; its approval chain starts again."""
    request, job = correction.record, correction.facts
    state = state_after(request, "resubmit")
    _check_data(ctx, job, data)
    before = audit_values(request)
    request.job_id, request.group_id = data.get("job_id"), _group_of(ctx.actor, job)
    request.urgency, request.wanted_on = data["urgency"], data["wanted_on"]
    request.reason = data.get("reason", "")
    request.ver += 1
    ctx.session.execute(delete(PartsLine).where(PartsLine.request_id == request.id))
    store_request(ctx, request, data["lines"], state)
    return Effect(ref=request.number, ver=request.ver, before=before, after=audit_values(request))


def _check_data(ctx: Context, job: JobFacts | None, data: Mapping[str, Any]) -> None:
    """Check what depends on the author's clock and on several fields. Raise Invalid."""
    if data["wanted_on"] < clock.local(ctx.at).date():
        raise Invalid.field("wanted_on", _l("This day lies in the past."))
    if job is None and not data.get("reason"):
        raise Invalid.field("reason", _l("Without a job, please say what the parts are for."))


def _group_of(actor: Actor, job: JobFacts | None) -> int:
    """Return the job's group, or the only group of the person. Raise Invalid if there is none to choose."""
    if job is not None:
        return job.group_id
    if len(actor.groups) != 1:
        raise Invalid.field("job_id", _l("Please choose the job this is for."))
    return next(iter(actor.groups))


@command(
    "parts_request.withdraw",
    label=_l("Withdraw"),
    schema=Withdraw,
    load=record(PartsRequest),
    may=IS_AUTHOR,
    undo=UNDO,
    own_work=True,
)
def withdraw(ctx: Context, request: PartsRequest, data: dict[str, Any]) -> Effect:
    """Withdraw a request that nobody has acted on, or that was returned (D-PART-5)."""
    before = {"state": request.state}
    request.state = state_after(request, "withdraw")
    request.ver += 1
    close_case(ctx, (KIND, request.id))
    return Effect(ref=request.number, ver=request.ver, before=before, after={"state": request.state})


def request_from_plan(
    ctx: Context,
    *,
    job_id: str,
    requester_id: int,
    lines: Sequence[Mapping[str, Any]],
    wanted_on: date,
    reason: str,
) -> PartsRequest:
    """Create a request from the parts of an accepted next-visit plan (D-JOB-7). Raise Invalid at `lines.<n>.…`.

    Lines are mappings with `part_id` or `name`, `qty`, and `unit_price` (may be left out for a catalogue part). The
    approval case is opened in the same transaction.
    """
    record_id = str(ids.uuid7())
    request = PartsRequest(
        id=record_id,
        number=request_number(ctx, record_id),
        job_id=job_id,
        group_id=ctx.load(Job, job_id).group_id,
        requester_id=requester_id,
        urgency="normal",
        wanted_on=wanted_on,
        reason=reason[:500],
        submitted_at=ctx.now,
        received_at=ctx.now,
        origin="next_visit_plan",
        ver=1,
    )
    store_request(ctx, request, lines)
    notify_requester(ctx, request, "parts_request.planned")
    return request
