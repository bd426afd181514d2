"""Deadlines with a stand-in kind: warned once, missed at the due time, derived anew by every event."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from marshmallow import Schema, fields
from sqlalchemy import select

from fieldapp.kernel import clock, ids
from fieldapp.kernel.clock import BUSINESS_ZONE
from fieldapp.kernel.extension_points import Provisions
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import Context, Effect, Result, command, perform
from fieldapp.platform.extensions import GRANTS, PROVISIONS, db
from fieldapp.services.deadlines import (
    AROUND_THE_CLOCK_ID,
    DEADLINE_KINDS,
    DeadlineKind,
    current_calendar_id,
    deadlines_of,
    open_deadline,
    record,
)
from fieldapp.services.deadlines.models import Deadline, DeadlineEvent
from fieldapp.services.schedule.models import DueWork
from tests.support.bench import Bench
from tests.support.provisions import Both

USUAL_DAY = 9 * 3600


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE).astimezone(UTC)


class Happened(Schema):
    event = fields.String(required=True)
    reason = fields.String(load_default="")
    at = fields.String()
    due_at = fields.String()
    limit_s = fields.Integer()
    calendar = fields.String()


@command("deadline_test.note", label="Note", schema=Happened, may=lambda actor, record: True)
def note(ctx: Context, subject: None, data: dict[str, Any]) -> Effect:
    """Open a deadline, or record an event of the one that the envelope names."""
    moment = clock.parse_iso(data["at"]) if "at" in data else ctx.now
    calendar = data.get("calendar") or current_calendar_id()
    if data["event"] == "start":
        made = open_deadline(ctx, "test_respond", ("test", ctx.id), data["limit_s"], calendar, moment)
    else:
        due_at = clock.parse_iso(data["due_at"]) if "due_at" in data else None
        more = {"limit_s": data.get("limit_s"), "calendar_id": calendar, "due_at": due_at}
        made = record(ctx, ctx.id, data["event"], reason=data["reason"], at=moment, **more)
    return Effect(ref=made.id, after=data)


class Story:
    """A deadline of one working day, opened on Friday 18 December 2026 at 16:30, and what was said about it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.said: list[tuple[str, str]] = []
        self.levels = 2
        self.during_warning: Any = lambda: None

    def kind(self) -> DeadlineKind:
        def say(what: str) -> Any:
            return lambda ctx, deadline, *level: self.said.append((f"{what}{level[0] if level else ''}", self._at(ctx)))

        def warn(ctx: Context, deadline: Deadline) -> None:
            say("warn")(ctx, deadline)
            self.during_warning()

        def escalate(ctx: Context, deadline: Deadline, level: int) -> bool:
            say("escalate")(ctx, deadline, level)
            return level < self.levels

        return DeadlineKind("Respond", warn, say("breach"), escalate, say("kept"))

    @staticmethod
    def _at(ctx: Context) -> str:
        return f"{clock.local(ctx.at):%m-%d %H:%M}"

    def open(self, moment: str = "2026-12-18 16:30", limit_s: int = USUAL_DAY, **more: Any) -> str:
        with time_machine.travel(at(moment), tick=False):
            result = self.send(str(ids.uuid7()), "start", limit_s=limit_s, **more)
        assert result.outcome == "accepted", result.code
        return str(result.ref)

    def send(self, subject: str, event: str, **data: Any) -> Result:
        cast = self.bench.cast
        return self.bench.send(cast.leader, "deadline_test.note", ("deadline_test", subject), {"event": event, **data})

    def happens(self, deadline: str, moment: str, event: str, **data: Any) -> None:
        with time_machine.travel(at(moment), tick=False):
            assert self.send(deadline, event, **data).outcome == "accepted"

    def tick(self, moment: str) -> None:
        self.bench.tick(at(moment))

    def row(self, *columns: Any) -> tuple[Any, ...]:
        with self.bench.app.app_context():
            return tuple(db.session.execute(select(*columns)).one())

    def due_rows(self) -> list[tuple[str, int, str]]:
        with self.bench.app.app_context():
            query = select(DueWork.kind, DueWork.generation, DueWork.state).order_by(DueWork.generation, DueWork.due_at)
            return [tuple(row) for row in db.session.execute(query)]  # type: ignore[misc]


@pytest.fixture
def story(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Story:
    made = Story(bench)
    monkeypatch.setitem(bench.app.extensions["commands"], note.kind, note)
    grants = GRANTS.of(bench.app)
    # A value of its own: actors are kept by the grants they were made with.
    more = {**grants.by_role, "leader": grants.by_role["leader"] | {note.kind}}
    monkeypatch.setitem(bench.app.extensions, GRANTS.name, replace(grants, by_role=more))
    added = Provisions([("tests", [DEADLINE_KINDS.by("test_respond", made.kind())])])
    monkeypatch.setitem(bench.app.extensions, "provisions", Both(PROVISIONS.of(bench.app), added))
    return made


def test_warned_and_missed_at_the_times_of_the_calendar(story: Story) -> None:
    story.open()
    assert story.row(Deadline.state, Deadline.due_at, Deadline.warn_at, Deadline.calendar_id) == (
        "running",
        at("2026-12-21 16:30"),
        at("2026-12-21 14:15"),
        "0",
    )
    story.tick("2026-12-21 14:14")
    assert story.said == []
    story.tick("2026-12-21 14:20")
    story.tick("2026-12-21 16:35")
    assert story.said == [("warn", "12-21 14:15"), ("breach", "12-21 16:30")]
    assert story.row(Deadline.state, Deadline.breached_at, Deadline.missed_s) == (
        "missed",
        at("2026-12-21 16:30"),
        300,
    )


def test_an_outage_over_warning_and_breach_leaves_the_breach_only(story: Story) -> None:
    story.open()
    story.tick("2026-12-21 23:00")
    assert story.said == [("breach", "12-21 16:30")]
    assert [(kind, state) for kind, _, state in story.due_rows()] == [
        ("deadline.warn", "overtaken"),
        ("deadline.breach", "done"),
        ("deadline.escalate", "waiting"),
    ]


def test_escalated_at_each_opening_until_the_feature_says_stop(story: Story) -> None:
    story.open()
    for day in ("21 16:30", "22 08:29", "22 08:30", "23 08:30", "24 08:30", "25 08:30"):
        story.tick(f"2026-12-{day}")
    assert [said for said in story.said if said[0] != "warn"] == [
        ("breach", "12-21 16:30"),
        ("escalate1", "12-22 08:30"),
        ("escalate2", "12-23 08:30"),
    ]


def test_an_emergency_is_escalated_every_hour(story: Story) -> None:
    story.open(limit_s=4 * 3600, calendar=AROUND_THE_CLOCK_ID)
    story.tick("2026-12-18 20:30")
    story.tick("2026-12-18 21:30")
    assert story.said[-2:] == [("breach", "12-18 20:30"), ("escalate1", "12-18 21:30")]


def test_nothing_is_said_while_a_deadline_is_on_hold_and_after_it_ended(story: Story) -> None:
    deadline = story.open()
    story.happens(deadline, "2026-12-18 17:00", "pause", reason="parts")
    story.tick("2026-12-23 09:00")
    assert story.said == []
    assert story.row(Deadline.state, Deadline.due_at) == ("paused", None)
    story.happens(deadline, "2026-12-23 09:30", "resume", reason="parts")
    assert story.row(Deadline.due_at) == (at("2026-12-24 09:00"),)
    story.happens(deadline, "2026-12-23 12:00", "stop")
    story.tick("2026-12-25 09:00")
    assert story.said == []
    assert story.row(Deadline.state, Deadline.used_s, Deadline.paused_s) == (
        "met",
        1800 + 9000,
        1800 + 18 * 3600 + 3600,
    )


def test_a_missed_deadline_on_hold_is_escalated_later(story: Story) -> None:
    deadline = story.open()
    story.tick("2026-12-21 16:30")
    story.happens(deadline, "2026-12-21 17:00", "pause", reason="customer")
    story.tick("2026-12-22 08:30")
    story.happens(deadline, "2026-12-22 10:00", "resume")
    story.tick("2026-12-23 08:30")
    assert story.said[-1] == ("escalate1", "12-23 08:30")
    assert [said for said, _ in story.said].count("breach") == 1


def test_a_stop_that_arrives_late_corrects_what_was_said(story: Story) -> None:
    deadline = story.open()
    story.tick("2026-12-21 17:00")
    story.happens(deadline, "2026-12-22 09:00", "stop", at="2026-12-21T16:00+08:00")
    story.tick("2026-12-22 09:00")
    assert [said for said, _ in story.said] == ["breach", "kept"]
    assert story.row(Deadline.state, Deadline.missed_s, Deadline.breached_at) == ("met", 0, None)
    assert ("deadline.escalate", 1, "overtaken") in story.due_rows()


def test_a_warning_is_not_repeated_by_a_later_event(story: Story) -> None:
    deadline = story.open()
    story.tick("2026-12-21 14:15")
    story.happens(deadline, "2026-12-21 14:30", "pause", reason="parts")
    story.happens(deadline, "2026-12-21 14:40", "resume", reason="parts")
    story.tick("2026-12-21 16:40")
    assert story.said == [("warn", "12-21 14:15"), ("breach", "12-21 16:40")]


def test_a_raised_urgency_brings_the_limit_forward(story: Story) -> None:
    deadline = story.open()
    story.happens(deadline, "2026-12-18 17:00", "raise", limit_s=4 * 3600, calendar=AROUND_THE_CLOCK_ID)
    assert story.row(Deadline.due_at, Deadline.calendar_id) == (at("2026-12-18 21:00"), AROUND_THE_CLOCK_ID)
    story.tick("2026-12-18 21:00")
    assert story.said == [("breach", "12-18 21:00")]


def test_a_date_set_by_hand_holds_also_on_hold(story: Story) -> None:
    deadline = story.open()
    story.happens(deadline, "2026-12-18 17:00", "fix", due_at="2026-12-23T12:00+08:00", reason="Wednesday suits")
    story.happens(deadline, "2026-12-21 09:00", "pause", reason="parts")
    assert story.row(Deadline.state, Deadline.due_at, Deadline.fixed_by_hand) == (
        "running",
        at("2026-12-23 12:00"),
        True,
    )
    story.tick("2026-12-23 12:00")
    assert story.said[-1] == ("breach", "12-23 12:00")


def test_events_are_kept_with_the_record_that_made_them(story: Story) -> None:
    deadline = story.open()
    story.happens(deadline, "2026-12-18 17:00", "pause", reason="parts")
    with story.bench.app.app_context():
        rows = db.session.execute(select(DeadlineEvent.kind, DeadlineEvent.reason, DeadlineEvent.op)).all()
        ops = db.session.scalars(select(AuditEntry.op).where(AuditEntry.action == note.kind)).all()
        assert [(row.kind, row.reason) for row in rows] == [("start", ""), ("pause", "parts")]
        assert [row.op for row in rows] == list(ops)


def test_a_second_deadline_about_the_record_is_its_next_round(story: Story) -> None:
    subject = str(ids.uuid7())
    with time_machine.travel(at("2026-12-18 16:30"), tick=False):
        for _ in range(2):
            assert story.send(subject, "start", limit_s=USUAL_DAY).outcome == "accepted"
    with story.bench.app.app_context():
        assert [one.round for one in deadlines_of("test", [subject])[subject]] == [1, 2]


# -- 8: the deadline changes while its warning is being done ----------------------------------------------------


def warning(story: Story) -> str:
    with story.bench.app.app_context():
        return db.session.scalars(select(DueWork.op).where(DueWork.kind == "deadline.warn")).one()


def test_8_a_deadline_changed_before_its_warning_is_done_is_warned_by_the_new_one_only(story: Story) -> None:
    deadline, moment = story.open(), at("2026-12-21 14:20")
    op = warning(story)
    story.happens(deadline, "2026-12-21 14:19", "fix", due_at="2026-12-24T12:00+08:00")
    with story.bench.app.test_request_context(), clock.standing_at(moment):
        assert perform(op, moment) == "overtaken"
    assert story.said == []
    story.tick("2026-12-24 11:00")
    assert [said for said, _ in story.said] == ["warn"]


def test_8_a_deadline_changed_while_its_warning_is_done_waits_for_it(story: Story) -> None:
    deadline, moment = story.open(), at("2026-12-21 14:20")
    op, changes = warning(story), list[Future[Result]]()
    with ThreadPoolExecutor(1) as pool:
        actor_time = "2026-12-21T14:20+08:00"

        def change() -> None:
            data = {"at": actor_time, "due_at": "2026-12-24T12:00+08:00"}
            changes.append(pool.submit(story.send, deadline, "fix", **data))

        story.during_warning = change
        with story.bench.app.test_request_context(), clock.standing_at(moment):
            assert perform(op, moment) == "done"
        assert changes[0].result(60).outcome == "accepted"
    assert story.said == [("warn", "12-21 14:15")]
    generations = [(kind, generation, state) for kind, generation, state in story.due_rows()]
    assert ("deadline.warn", 1, "done") in generations
    assert ("deadline.breach", 1, "overtaken") in generations
    assert ("deadline.breach", 2, "waiting") in generations


def test_nobody_but_the_clock_notes_a_breach(story: Story) -> None:
    deadline = story.open()
    data = {"key": deadline, "occurrence": "1"}
    for kind in ("deadline.warn", "deadline.breach", "deadline.escalate"):
        result = story.bench.send(story.bench.cast.admin, kind, ("deadline", deadline), data)
        assert (result.outcome, result.code) == ("rejected", "command.not_allowed")
    assert story.row(Deadline.state) == ("running",)
