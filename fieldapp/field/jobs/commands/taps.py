"""Commands of a technician on site (D-JOB-5). Present and former members of a visit may record them (D-JOB-10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from fieldapp.field.customers import Site
from fieldapp.field.jobs import words
from fieldapp.field.jobs.facts import facts_of_visit
from fieldapp.field.jobs.models import Job, Visit, VisitEvent
from fieldapp.field.jobs.policy import ONCE_PER_PERSON, VisitFacts, arrival_check, is_late, may_refuse, may_tap
from fieldapp.field.jobs.schemas import Pause, Refuse, Tap
from fieldapp.field.jobs.services import advance, notify_leaders, record_event
from fieldapp.kernel.actor import Actor
from fieldapp.platform.commandbus import Command, Context, Effect, Loaded, command, on_facts, record_and_facts
from fieldapp.services.settings import value

VisitAndFacts = Loaded[Visit, VisitFacts]


def _tap_command(
    verb: str, schema: type[Tap] = Tap, may: Callable[[Actor, VisitFacts], bool] = may_tap, label: Any = None
) -> Command:
    @command(
        f"visit.{verb}",
        label=label or words.TAPS[verb],
        schema=schema,
        load=record_and_facts(Visit, facts_of_visit, "visit.not_found"),
        may=on_facts(may),
        own_work=True,
    )
    def run(ctx: Context, target: VisitAndFacts, data: dict[str, Any]) -> Effect:
        return _record_tap(ctx, target, verb, data)

    return run


accept = _tap_command("accept")
set_out = _tap_command("set_out")
arrive = _tap_command("arrive")
start = _tap_command("start")
pause = _tap_command("pause", Pause)
resume = _tap_command("resume")
refuse = _tap_command("refuse", Refuse, may_refuse, _l("Give back to the leader"))


def _record_tap(ctx: Context, target: VisitAndFacts, verb: str, data: dict[str, Any]) -> Effect:
    """Record the event once, advance the visit if the verb leads forward, and notify the leaders if they must act."""
    visit = target.record
    number = ctx.session.scalar(select(Job.number).where(Job.id == visit.job_id))
    before = {"state": visit.state}
    if _is_repeated(ctx, visit, verb):
        return Effect(number, visit.ver, before, {**before, "again": True})
    late = is_late(ctx.actor, target.facts)
    first_late = late and not _has_late_event(ctx, visit)
    event = record_event(
        ctx, visit, verb, late=late, reason=data.get("reason"), **_position_columns(ctx, visit, verb, data)
    )
    if late or not advance(ctx, visit, verb):
        visit.ver += 1
    elif verb == "refuse":
        notify_leaders(ctx, visit.job_id, "visit.refuse", reason=data["reason"])
    if first_late:
        notify_leaders(ctx, visit.job_id, "visit.late")
    after = {"state": visit.state, "event": verb, "at": event.happened_at.isoformat(), "late": late}
    note = words.LATE_NOTE if late else None
    return Effect(number, visit.ver, before, after | ({"reason": event.reason} if event.reason else {}), note)


def _is_repeated(ctx: Context, visit: Visit, verb: str) -> bool:
    own_events = select(VisitEvent).where(VisitEvent.visit_id == visit.id, VisitEvent.user_id == ctx.actor.id)
    if verb in ONCE_PER_PERSON:
        return ctx.exists(own_events.where(VisitEvent.kind == verb))
    order = (VisitEvent.received_at.desc(), VisitEvent.id.desc())
    last = ctx.session.scalar(own_events.with_only_columns(VisitEvent.kind).order_by(*order).limit(1))
    return last == verb


def _has_late_event(ctx: Context, visit: Visit) -> bool:
    own_events = select(VisitEvent.id).where(VisitEvent.visit_id == visit.id, VisitEvent.user_id == ctx.actor.id)
    return ctx.exists(own_events.where(VisitEvent.late))


def _position_columns(ctx: Context, visit: Visit, verb: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the event's position, and for an arrival its distance check. Neither ever refuses the tap."""
    position = data.get("position")
    columns: dict[str, Any] = {}
    if position:
        columns = {"lat": position["lat"], "lon": position["lon"], "accuracy_m": position["accuracy_m"]}
    if verb == "arrive":
        lat, lon = ctx.session.execute(
            select(Site.lat, Site.lon).join(Job, Job.site_id == Site.id).where(Job.id == visit.job_id)
        ).one()
        phone_position = (position["lat"], position["lon"], position["accuracy_m"]) if position else None
        site = (lat, lon) if lat is not None and lon is not None else None
        columns["arrival_check"] = arrival_check(
            site, phone_position, data.get("no_position"), float(value("jobs.arrival_radius", ctx.at))
        )
    return columns
