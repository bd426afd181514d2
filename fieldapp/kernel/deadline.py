"""What events make of a limit in working time (D-SLA-5, D-SLA-7). Moments count by whole seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from fieldapp.kernel.calendar import DAY_MINUTES, Shift, WorkingCalendar

#: `raise` and `lower` are about the urgency: raised, the limit is shorter.
EventKind = Literal["start", "pause", "resume", "raise", "lower", "fix", "stop", "cancel"]
State = Literal["running", "paused", "met", "missed", "cancelled"]

#: The calendar of emergencies.
AROUND_THE_CLOCK = WorkingCalendar(week=((Shift(0, DAY_MINUTES),),) * 7)
#: Percentage of the limit at which somebody is warned (D-SLA-2).
WARN_PERCENT = 75


@dataclass(frozen=True)
class Limit:
    """Seconds of working time by a calendar."""

    seconds: int
    calendar: WorkingCalendar


@dataclass(frozen=True)
class Event:
    """Something that happened to a deadline.

    `limit` is given with `start`, `raise` and `lower`, `due_at` with `fix`. A pause has a reason, and ends when every
    reason was resumed; `resume` without a reason ends all.
    """

    at: datetime
    kind: EventKind
    reason: str = ""
    limit: Limit | None = None
    due_at: datetime | None = None


@dataclass(frozen=True)
class Derived:
    """A deadline as its events leave it at a moment; seconds are of the calendar that holds last.

    `due_at` and `warn_at` are None while a pause moves them. `missed` may still run: `ended_at` says whether it does.
    """

    state: State
    started_at: datetime
    due_at: datetime | None
    warn_at: datetime | None
    ended_at: datetime | None
    paused: bool
    limit_s: int
    used_s: int
    paused_s: int
    off_s: int
    missed_s: int
    fixed_by_hand: bool


#: Beginning and end; an open one has no end.
_Span = tuple[datetime, datetime | None]


@dataclass
class _Run:
    """What the events so far have made: spans that ran or were on hold, and the limits that count from a moment."""

    started_at: datetime
    limits: list[tuple[Limit, datetime]]
    running: list[_Span]
    held: list[_Span] = field(default_factory=list)
    reasons: set[str] = field(default_factory=set)
    fixed: datetime | None = None
    ended_at: datetime | None = None
    cancelled: bool = False

    def apply(self, event: Event) -> None:
        at = max(_whole(event.at), self.started_at)
        if event.kind == "pause":
            if not self.reasons:
                _switch(self.running, self.held, at)
            self.reasons.add(event.reason)
        elif event.kind == "resume":
            was = bool(self.reasons)
            self.reasons = self.reasons - {event.reason} if event.reason else set()
            if was and not self.reasons:
                _switch(self.held, self.running, at)
        elif event.kind == "raise":
            self.limits.append((_limit_of(event), at))
        elif event.kind == "lower":
            self.limits = [(_limit_of(event), self.started_at)]
        elif event.kind == "fix":
            self.fixed = _whole(event.due_at) if event.due_at else None
        else:
            self.ended_at, self.cancelled = at, event.kind == "cancel"


def derive(events: Iterable[Event], now: datetime) -> Derived:
    """Return what the events, in any order, make of a deadline at `now`. Raise ValueError without a `start`."""
    ordered = sorted(events, key=lambda event: event.at)
    first = next((event for event in ordered if event.kind == "start"), None)
    if first is None:
        raise ValueError("a deadline needs a start")
    started_at = _whole(first.at)
    run = _Run(started_at, [(_limit_of(first), started_at)], [(started_at, None)])
    for event in ordered:
        if event.kind != "start":
            run.apply(event)
        if run.ended_at is not None:
            break
    until = run.ended_at or max(_whole(now), *(_whole(event.at) for event in ordered))
    return _measure(run, until)


def next_round_limit(last: Derived, calendar: WorkingCalendar) -> Limit:
    """Return the limit of the next round: what was left, at least one working day (D-SLA-7)."""
    return Limit(max(last.limit_s - last.used_s, calendar.usual_day), calendar)


def _measure(run: _Run, until: datetime) -> Derived:
    limit = run.limits[-1][0]
    calendar = limit.calendar
    due_at, warn_at = _fixed_times(run, calendar) if run.fixed else _times(run)
    used = _working(run.running, calendar, run.started_at, until)
    held = _working(run.held, calendar, run.started_at, until)
    missed = 0
    if due_at is not None and until > due_at:
        missed = (
            calendar.working_between(due_at, until) if run.fixed else _working(run.running, calendar, due_at, until)
        )
    return Derived(
        state=_state(run, due_at, until),
        started_at=run.started_at,
        due_at=due_at,
        warn_at=warn_at,
        ended_at=run.ended_at,
        paused=bool(run.reasons) and run.fixed is None,
        limit_s=limit.seconds,
        used_s=used,
        paused_s=held,
        off_s=int((until - run.started_at).total_seconds()) - used - held,
        missed_s=0 if run.cancelled else missed,
        fixed_by_hand=run.fixed is not None,
    )


def _state(run: _Run, due_at: datetime | None, until: datetime) -> State:
    if run.cancelled:
        return "cancelled"
    if run.ended_at is not None:
        return "met" if due_at is None or until <= due_at else "missed"
    if due_at is not None and until >= due_at:
        return "missed"
    return "paused" if run.reasons and run.fixed is None else "running"


def _times(run: _Run) -> tuple[datetime | None, datetime | None]:
    """Return when the first of the limits is used up, and when to warn of it."""
    reached = []
    for limit, since in run.limits:
        due_at = _reached(run.running, limit, since)
        if due_at is not None:
            warning = replace(limit, seconds=limit.seconds * WARN_PERCENT // 100)
            reached.append((due_at, _reached(run.running, warning, since)))
    return min(reached, default=(None, None), key=lambda pair: pair[0])


def _fixed_times(run: _Run, calendar: WorkingCalendar) -> tuple[datetime, datetime]:
    assert run.fixed is not None  # noqa: S101 - asked by the caller
    whole = max(calendar.working_between(run.started_at, run.fixed), 0)
    warn_at = calendar.add_working(run.started_at, whole * WARN_PERCENT // 100)
    return run.fixed, min(warn_at, run.fixed)


def _reached(running: Sequence[_Span], limit: Limit, since: datetime) -> datetime | None:
    """Return when so much time has run since a moment, or None while it is on hold before that."""
    left = limit.seconds
    for begins, ends in running:
        start = max(begins, since)
        if ends is None:
            return limit.calendar.add_working(start, left)
        if ends <= start:
            continue
        worked = limit.calendar.working_between(start, ends)
        if worked >= left:
            return limit.calendar.add_working(start, left)
        left -= worked
    return None


def _working(spans: Sequence[_Span], calendar: WorkingCalendar, since: datetime, until: datetime) -> int:
    """Return the working seconds of these spans between two moments."""
    cut = ((max(begins, since), min(ends or until, until)) for begins, ends in spans)
    return sum(calendar.working_between(begins, ends) for begins, ends in cut if ends > begins)


def _switch(closed: list[_Span], opened: list[_Span], at: datetime) -> None:
    begins, _ = closed.pop()
    closed.append((begins, at))
    opened.append((at, None))


def _limit_of(event: Event) -> Limit:
    if event.limit is None:
        raise ValueError(f"{event.kind} needs a limit")
    return event.limit


def _whole(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
