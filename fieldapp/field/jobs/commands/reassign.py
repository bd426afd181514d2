"""`visit.reassign`: the leader gives a visit to other technicians of the group (D-JOB-1, D-JOB-10)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict, Invalid
from fieldapp.field.jobs.commands.cancel import JobContext, load_visit_of_job, may_lead_job
from fieldapp.field.jobs.commands.dispatch import chosen_technicians
from fieldapp.field.jobs.models import Visit, VisitMember
from fieldapp.field.jobs.policy import TO_REASSIGN
from fieldapp.field.jobs.schemas import Reassign
from fieldapp.field.jobs.services import members_of_visit, notify_technicians, recompute, transition_by_leader
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.services.accounts import names_of


@command("visit.reassign", label=_l("Give to somebody else"), schema=Reassign, load=load_visit_of_job, may=may_lead_job)
def reassign(ctx: Context, target: JobContext, data: dict[str, Any]) -> Effect:
    """Reset the visit for the new technicians. Those who are replaced stay recorded as former members."""
    visit = ctx.load(Visit, ctx.id)
    technicians = chosen_technicians(target.facts, data)
    members = members_of_visit(ctx, visit.id)
    previous = [member.user_id for member in members if member.removed_at is None]
    before = {"technicians": previous, "state": visit.state}
    if visit.technician_id == technicians[0] and set(previous) == set(technicians):
        raise Invalid.field("technician_id", _l("This visit is theirs already. Please choose somebody else."))
    if target.job.state == "cancelled":
        raise Conflict("job.over", _l("This job was cancelled."))
    if visit.state not in TO_REASSIGN:
        raise Conflict("visit.over", _l("This visit is over, or its report is in."), {"state": visit.state})
    names = names_of(technicians)
    recipient_names = ", ".join(names.get(user, "") for user in technicians)
    transition_by_leader(ctx, visit, "reassign", " · ".join(filter(None, [recipient_names, data.get("reason")])))
    visit.technician_id = technicians[0]
    _set_members(ctx, visit, members, technicians)
    recompute(ctx, visit.job_id)
    when = clock.iso(visit.planned_start)
    notify_technicians(ctx, visit.job_id, set(previous) - set(technicians), "visit.given_away")
    notify_technicians(ctx, visit.job_id, set(technicians) - set(previous), "visit.planned", when=when)
    return Effect(target.job.number, visit.ver, before, {"technicians": technicians, "state": visit.state})


def _set_members(ctx: Context, visit: Visit, members: list[VisitMember], technicians: list[int]) -> None:
    for member in members:
        if member.user_id not in technicians:
            member.removed_at = member.removed_at or ctx.now
            member.in_charge = False
    member_of = {member.user_id: member for member in members}
    for position, user in enumerate(technicians):
        existing = member_of.get(user)
        if existing is None:
            ctx.session.add(VisitMember(visit_id=visit.id, user_id=user, in_charge=position == 0))
        else:
            existing.removed_at, existing.in_charge = None, position == 0
