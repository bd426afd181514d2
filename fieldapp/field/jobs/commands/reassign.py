"""`visit.reassign`: the leader gives a visit to somebody else of the group (D-JOB-1, D-JOB-10)."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from fieldapp.errors import Conflict, Invalid
from fieldapp.field.jobs.commands.cancel import Led, load_visit_of_job, may_lead_job
from fieldapp.field.jobs.commands.dispatch import people_for
from fieldapp.field.jobs.models import Visit, VisitMember
from fieldapp.field.jobs.policy import TO_REASSIGN
from fieldapp.field.jobs.schemas import Reassign
from fieldapp.field.jobs.workings import lead, people_of, recompute, tell_people
from fieldapp.kernel import clock
from fieldapp.platform.commandbus import Context, Effect, command
from fieldapp.services.accounts import names_of


@command("visit.reassign", label=_l("Give to somebody else"), schema=Reassign, load=load_visit_of_job, may=may_lead_job)
def reassign(ctx: Context, led: Led, data: dict[str, Any]) -> Effect:
    """The visit begins anew with the new people; those it was taken from stay known as former ones."""
    visit = ctx.load(Visit, ctx.id)
    people = people_for(led.facts, data)
    members = people_of(ctx, visit.id)
    now_on_it = [one.user_id for one in members if one.removed_at is None]
    before = {"technicians": now_on_it, "state": visit.state}
    if visit.technician_id == people[0] and set(now_on_it) == set(people):
        raise Invalid.field("technician_id", _l("This visit is theirs already. Please choose somebody else."))
    if led.job.state == "cancelled":
        raise Conflict("job.over", _l("This job was cancelled."))
    if visit.state not in TO_REASSIGN:
        raise Conflict("visit.over", _l("This visit is over, or its report is in."), {"state": visit.state})
    names = names_of(people)
    to_whom = ", ".join(names.get(one, "") for one in people)
    lead(ctx, visit, "reassign", " · ".join(filter(None, [to_whom, data.get("reason")])))
    visit.technician_id = people[0]
    _set_members(ctx, visit, members, people)
    recompute(ctx, visit.job_id)
    when = clock.iso(visit.planned_start)
    tell_people(ctx, visit.job_id, set(now_on_it) - set(people), "visit.given_away")
    tell_people(ctx, visit.job_id, set(people) - set(now_on_it), "visit.planned", when=when)
    return Effect(led.job.number, visit.ver, before, {"technicians": people, "state": visit.state})


def _set_members(ctx: Context, visit: Visit, members: list[VisitMember], people: list[int]) -> None:
    for one in members:
        if one.user_id not in people:
            one.removed_at = one.removed_at or ctx.now
            one.in_charge = False
    known = {one.user_id: one for one in members}
    for position, user in enumerate(people):
        member = known.get(user)
        if member is None:
            ctx.session.add(VisitMember(visit_id=visit.id, user_id=user, in_charge=position == 0))
        else:
            member.removed_at, member.in_charge = None, position == 0
