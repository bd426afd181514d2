"""What a technician taps on site (D-JOB-5): facts, taken from whoever is or was on the visit (D-JOB-10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.errors import NotFound
from fieldapp.field.customers import Site
from fieldapp.field.jobs import words
from fieldapp.field.jobs.facts import facts_of_visit
from fieldapp.field.jobs.models import Job, Visit, VisitEvent
from fieldapp.field.jobs.policy import ONCE, VisitFacts, arrival_check, is_late, may_refuse, may_tap
from fieldapp.field.jobs.schemas import Pause, Refuse, Tap
from fieldapp.field.jobs.workings import move, record_event, tell_leaders
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Command, Context, Effect, command
from fieldapp.services.settings import value


@dataclass(frozen=True)
class Tapped:
    """The visit, locked, and what policies need to know of it."""

    visit: Visit
    facts: VisitFacts


def _load(ctx: Context, data: dict[str, Any]) -> Tapped:
    visit = ctx.load(Visit, ctx.id)
    facts = facts_of_visit(visit)
    if facts is None:
        raise NotFound("visit.not_found")
    return Tapped(visit, facts)


def _tap(
    verb: str, schema: type[Tap] = Tap, may: Callable[[Actor, VisitFacts], bool] = may_tap, label: Any = None
) -> Command:
    @command(
        f"visit.{verb}",
        label=label or words.TAPS[verb],
        schema=schema,
        load=_load,
        may=lambda actor, tapped: may(actor, tapped.facts),
        own_work=True,
    )
    def run(ctx: Context, tapped: Tapped, data: dict[str, Any]) -> Effect:
        return _taken(ctx, tapped, verb, data)

    return run


accept = _tap("accept")
set_out = _tap("set_out")
arrive = _tap("arrive")
start = _tap("start")
pause = _tap("pause", Pause)
resume = _tap("resume")
refuse = _tap("refuse", Refuse, may_refuse, _l("Give back to the leader"))


def _taken(ctx: Context, tapped: Tapped, verb: str, data: dict[str, Any]) -> Effect:
    """Keeps the event once, moves the visit forward if it goes forward, and tells the leader where it matters."""
    visit = tapped.visit
    number = ctx.session.scalar(select(Job.number).where(Job.id == visit.job_id))
    before = {"state": visit.state}
    if _said_before(ctx, visit, verb):
        return Effect(number, visit.ver, before, {**before, "again": True})
    late = is_late(ctx.actor, tapped.facts)
    first_late = late and not _late_before(ctx, visit)
    event = record_event(ctx, visit, verb, late=late, reason=data.get("reason"), **_where(ctx, visit, verb, data))
    if late or not move(ctx, visit, verb):
        visit.ver += 1
    elif verb == "refuse":
        tell_leaders(ctx, visit.job_id, "visit.refuse", reason=data["reason"])
    if first_late:
        tell_leaders(ctx, visit.job_id, "visit.late")
    after = {"state": visit.state, "event": verb, "at": event.happened_at.isoformat(), "late": late}
    note = words.LATE_NOTE if late else None
    return Effect(number, visit.ver, before, after | ({"reason": event.reason} if event.reason else {}), note)


def _said_before(ctx: Context, visit: Visit, verb: str) -> bool:
    mine = select(VisitEvent).where(VisitEvent.visit_id == visit.id, VisitEvent.user_id == ctx.actor.id)
    if verb in ONCE:
        return ctx.exists(mine.where(VisitEvent.kind == verb))
    order = (VisitEvent.received_at.desc(), VisitEvent.id.desc())
    last = ctx.session.scalar(mine.with_only_columns(VisitEvent.kind).order_by(*order).limit(1))
    return last == verb


def _late_before(ctx: Context, visit: Visit) -> bool:
    mine = select(VisitEvent.id).where(VisitEvent.visit_id == visit.id, VisitEvent.user_id == ctx.actor.id)
    return ctx.exists(mine.where(VisitEvent.late))


def _where(ctx: Context, visit: Visit, verb: str, data: dict[str, Any]) -> dict[str, Any]:
    """The position as it came, and for an arrival what it says about the site: stored, never a reason to stop."""
    place = data.get("position")
    found: dict[str, Any] = {}
    if place:
        found = {"lat": place["lat"], "lon": place["lon"], "accuracy_m": place["accuracy_m"]}
    if verb == "arrive":
        lat, lon = ctx.session.execute(
            select(Site.lat, Site.lon).join(Job, Job.site_id == Site.id).where(Job.id == visit.job_id)
        ).one()
        here = (place["lat"], place["lon"], place["accuracy_m"]) if place else None
        site = (lat, lon) if lat is not None and lon is not None else None
        found["arrival_check"] = arrival_check(
            site, here, data.get("no_position"), float(value("jobs.arrival_radius", ctx.at))
        )
    return found
