"""Entering, correcting and removing days of the working calendar. Every command makes a version."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from fieldapp.errors import Conflict, Invalid
from fieldapp.kernel.actor import Actor
from fieldapp.kernel.calendar import WorkingCalendar, parse_shifts, show_shifts
from fieldapp.platform.commandbus import Context, Effect, command, new_id
from fieldapp.platform.commandbus.ledger import lock_key
from fieldapp.services.calendar.models import CalendarDay, CalendarVersion
from fieldapp.services.calendar.queries import entries
from fieldapp.services.calendar.schemas import MOST_DAYS, WEEKDAYS, RemoveDay, SetDays, SetWeek


def may_change(actor: Actor, record: Any) -> bool:
    """Allow administrators only."""
    return "admin" in actor.roles


@command("calendar.set_days", label=_l("Enter days of the calendar"), schema=SetDays, may=may_change)
def set_days(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Enter holidays, make-up days or days with own shifts, or correct what was entered for them."""
    first, last = data["day"], data.get("until") or data["day"]
    if last < first:
        raise Invalid.field("until", _l("The last day lies before the first one."))
    if (last - first).days >= MOST_DAYS:
        raise Invalid.field("until", _l("At most 31 days in one entry, please."))
    shifts = ""
    if data["kind"] == "shifts":
        shifts = _read_shifts("shifts", data.get("shifts", ""))
        if not shifts:
            raise Invalid.field("shifts", _l("Please fill this in."))
    group = data.get("group_id")
    groups = CalendarVersion.metadata.tables["group"]
    if group is not None and not ctx.exists(select(groups.c.id).where(groups.c.id == group)):
        raise Invalid.field("group_id", _l("Please choose one of these."))
    version = _new_version(ctx, data)
    known, before = entries().days, {}
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if (day, group) in known:
            before[day.isoformat()] = known[day, group].kind
        ctx.session.add(
            CalendarDay(version=version, day=day, group_id=group, kind=data["kind"], shifts=shifts, label=data["label"])
        )
    after = {"version": version, "day": first.isoformat(), "until": last.isoformat(), "kind": data["kind"]}
    after |= {"shifts": shifts, "label": data["label"], "group_id": group, "reason": data["reason"]}
    return Effect(ver=1, before=before or None, after=after)


@command("calendar.remove_day", label=_l("Remove a day from the calendar"), schema=RemoveDay, may=may_change)
def remove_day(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Let a day follow its weekday again; of a group, the company's calendar."""
    day, group = data["day"], data.get("group_id")
    version = _new_version(ctx, data)
    known = entries().days.get((day, group))
    if known is None:
        raise Conflict("calendar.not_entered", _l("Nothing is entered for this day."))
    ctx.session.add(CalendarDay(version=version, day=day, group_id=group, kind="removed"))
    about = {"day": day.isoformat(), "group_id": group}
    before = {**about, "kind": known.kind, "shifts": known.shifts, "label": known.label}
    return Effect(ver=1, before=before, after={**about, "version": version, "reason": data["reason"]})


@command("calendar.set_week", label=_l("Change the usual week"), schema=SetWeek, may=may_change)
def set_week(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
    """Set the shifts of Monday to Sunday."""
    week = [_read_shifts(name, data.get(name, "")) for name in WEEKDAYS]
    if not any(week):
        raise Invalid.field("monday", _l("A week needs a working day."))
    before: WorkingCalendar = entries().calendar()
    version = _new_version(ctx, data, week)
    after = {"version": version, "week": week, "reason": data["reason"]}
    return Effect(ver=1, before={"week": [show_shifts(one) for one in before.week]}, after=after)


def _read_shifts(name: str, text: str) -> str:
    """Return the shifts in their usual form. Raise Invalid at the field."""
    try:
        return show_shifts(parse_shifts(text)) if text else ""
    except ValueError:
        words = _l("Please enter times like 08:30-12:00, 13:00-17:30, one after the other.")
        raise Invalid.field(name, words) from None


def _new_version(ctx: Context, data: dict[str, Any], week: list[str] | None = None) -> int:
    """Insert the version that this command makes; two administrators make theirs one after the other."""
    new_id(ctx, data)
    if ctx.session.connection().dialect.name == "postgresql":
        ctx.session.execute(select(func.pg_advisory_xact_lock(lock_key("calendar"))))
    if ctx.exists(select(CalendarVersion.version).where(CalendarVersion.record_id == ctx.id)):
        raise Conflict("record.exists", _l("This change was already made."))
    last = ctx.session.scalar(select(func.max(CalendarVersion.version))) or 0
    made = CalendarVersion(version=last + 1, record_id=ctx.id, week=week, reason=data["reason"])
    made.recorded_by, made.recorded_at = ctx.actor.id, ctx.now
    ctx.session.add(made)
    ctx.session.flush()
    return made.version
