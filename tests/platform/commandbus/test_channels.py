"""Actors and channels: who may send what by which way, and whose ids are accepted (ADR 36)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from marshmallow import Schema, fields
from sqlalchemy import select, text

from fieldapp.field.customers import Asset
from fieldapp.field.jobs import JobAsset
from fieldapp.kernel import clock
from fieldapp.kernel.actor import SYSTEM_ID, Actor
from fieldapp.platform.audit import checking
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import (
    CLOCK,
    IMPORT,
    LINK,
    SYNC,
    WEB,
    Channel,
    Context,
    Effect,
    Result,
    command,
    execute,
    ledger,
    system_actor,
    system_envelope,
    writing,
)
from fieldapp.platform.commandbus.models import ActorRow, Notice, Quarantine, Receipt
from fieldapp.platform.extensions import GRANTS, db
from tests.platform.commandbus.test_bus import count, item
from tests.support.bench import Bench

DUE = datetime(2026, 11, 29, 10, tzinfo=UTC)


class Remark(Schema):
    note = fields.String(required=True)


@command(
    "asset.remark",
    label="Remark on the equipment",
    schema=Remark,
    load=lambda ctx, data: ctx.load(Asset, ctx.id),
    may=lambda actor, asset: True,
)
def remark(ctx: Context, asset: Asset, data: dict[str, Any]) -> Effect:
    """Write a note on an asset that is due for something, and notify its technician (1) and the actor itself."""
    before, asset.note = asset.note, data["note"]
    asset.ver += 1
    for user in (1, ctx.actor.id):
        ctx.notify(user, "job.changed", "/jobs", fields="note", job="x")
    return Effect(ver=asset.ver, before={"note": before}, after={"note": asset.note})


@pytest.fixture
def asset(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> str:
    """An asset on a job of `tech`; the system may remark on it."""
    monkeypatch.setitem(bench.app.extensions["commands"], remark.kind, remark)
    grants = GRANTS.of(bench.app)
    monkeypatch.setitem(grants.by_role, "system", frozenset({remark.kind}))  # type: ignore[arg-type]
    job, _ = bench.make_job(bench.cast.tech)
    with bench.app.app_context():
        found = str(db.session.scalar(select(JobAsset.asset_id).where(JobAsset.job_id == job)))
        db.session.remove()
    return found


def due(asset: str, note: str = "Calibrate", occurrence: str = "1", due_at: datetime = DUE) -> str:
    return system_envelope(
        kind=remark.kind,
        schema=1,
        key=asset,
        occurrence=occurrence,
        due_at=due_at,
        agg=("asset", asset),
        data={"note": note},
    )


def run(bench: Bench, body: str, channel: Channel = CLOCK, actor: Actor | None = None) -> Result:
    """Execute one envelope, as the system if no actor is given."""
    with bench.app.test_request_context(headers={"Accept-Language": "en"}):
        try:
            return execute([body], actor or system_actor(), channel)[0]
        finally:
            db.session.remove()


def row(bench: Bench, *columns: Any) -> list[tuple[Any, ...]]:
    with bench.app.app_context():
        found = [tuple(one) for one in db.session.execute(select(*columns))]
        db.session.remove()
        return found


def test_due_work_is_done_by_the_system_at_the_time_when_it_was_due(bench: Bench, asset: str) -> None:
    result = run(bench, due(asset))
    assert (result.outcome, result.replayed) == ("accepted", False)
    assert row(bench, Receipt.user_id, Receipt.channel, Receipt.device_at) == [(SYSTEM_ID, "clock", DUE)]
    written = (AuditEntry.actor_id, AuditEntry.channel, AuditEntry.device_at, AuditEntry.on_behalf_of)
    assert row(bench, *written) == [(SYSTEM_ID, "clock", DUE, None)]
    # Only people have an inbox.
    assert row(bench, Notice.user_id) == [(1,)]
    again = run(bench, due(asset))
    assert (again.outcome, again.replayed) == ("accepted", True)
    assert count(bench, Receipt) == count(bench, AuditEntry) == count(bench, Notice) == 1


@pytest.mark.parametrize("channel", [SYNC, WEB, IMPORT])
def test_an_id_of_due_work_from_a_person_is_rejected_and_stays_free(bench: Bench, asset: str, channel: Channel) -> None:
    op = json.loads(due(asset))["op"]
    taking = bench.envelope(bench.cast.tech, *item(), op=op)
    result = run(bench, taking, channel, bench.actor(bench.cast.tech))
    assert (result.op, result.outcome, result.code) == (op, "rejected", "envelope.unreadable")
    assert count(bench, Receipt) == count(bench, Quarantine) == count(bench, AuditEntry) == 0
    done = run(bench, due(asset))
    assert (done.outcome, done.replayed) == ("accepted", False)
    assert row(bench, Receipt.op, Receipt.user_id) == [(op, SYSTEM_ID)]


def test_naming_an_id_of_due_work_does_not_keep_it_from_being_done(bench: Bench, asset: str) -> None:
    op = json.loads(due(asset))["op"]
    person = bench.cast.tech
    assert bench.push(person, bench.envelope(person, *item(), supersedes=op))[0].outcome == "accepted"
    assert bench.push(person, bench.envelope(person, *item(), depends=[op]))[0].outcome == "held"
    assert run(bench, due(asset)).outcome == "accepted"


def test_a_form_post_with_an_id_of_due_work_is_not_taken_in(bench: Bench, asset: str) -> None:
    client = bench.client_of(bench.cast.tech)
    op = json.loads(due(asset))["op"]
    answer = client.post("/expenses/new", data={"_op": op, "kind": "local_transport", "amount": "3.00", "note": "bus"})
    assert answer.status_code == 422
    assert "UUIDv7" in answer.text
    assert count(bench, Receipt, Receipt.op == op) == 0


def test_the_clock_brings_only_ids_of_version_8_of_its_own(bench: Bench, asset: str) -> None:
    envelope = json.loads(due(asset))
    ordinary = json.loads(bench.envelope(bench.cast.tech, *item()))["op"]
    for wrong in ({"op": ordinary}, {"user": bench.cast.tech.id}, {"seq": -1}):
        with pytest.raises(RuntimeError, match="the server made"):
            run(bench, json.dumps({**envelope, **wrong}))
    assert count(bench, Receipt) == count(bench, Quarantine) == 0


def test_a_channel_admits_one_kind_of_actor(bench: Bench, asset: str) -> None:
    person = bench.actor(bench.cast.tech)
    link = Actor(77, "link", "Ms Zhao", kind="link")
    for channel, actor in ((CLOCK, person), (SYNC, link), (WEB, link), (LINK, person), (IMPORT, link)):
        with pytest.raises(RuntimeError, match="does not admit"):
            run(bench, due(asset), channel, actor)
    with pytest.raises(RuntimeError, match="does not admit"):
        run(bench, bench.envelope(bench.cast.tech, *item()), SYNC)
    assert count(bench, Receipt) == 0


def test_what_a_link_may_not_do_is_refused_and_stored_as_the_links(bench: Bench) -> None:
    job, _ = bench.make_job(bench.cast.tech)
    with bench.app.app_context():
        with writing() as session:
            made = ActorRow(kind="link", label="Ms Zhao")
            session.add(made)
            session.flush()
            link = Actor(made.id, "link", made.label, verbs=frozenset({"rating.give"}), kind="link")
        db.session.remove()
    body = bench.envelope(bench.cast.tech, "job.cancel", ("job", job), {"reason": "no"}, user=link.id)
    result = run(bench, body, LINK, link)
    assert (result.outcome, result.code) == ("rejected", "command.not_allowed")
    assert row(bench, Receipt.user_id, Receipt.channel, Receipt.body) == [(link.id, "link", body)]
    # No phone's clock is believed here: another person's envelope goes to quarantine under the link's number.
    assert run(bench, bench.envelope(bench.cast.tech, *item()), LINK, link).outcome == "wrong_user"
    assert row(bench, Quarantine.sender_id) == [(link.id,)]


def test_3_the_same_due_work_from_four_servers_at_once_is_done_once(bench: Bench, asset: str) -> None:
    commands = 100
    bodies = [due(asset, f"n{n}", str(n), DUE + timedelta(minutes=n)) for n in range(commands)]
    with ThreadPoolExecutor(4) as pool:
        for body in bodies:
            barrier = Barrier(4)

            def once(body: str = body, barrier: Barrier = barrier) -> tuple[str, bool]:
                barrier.wait()
                result = run(bench, body)
                return result.outcome, result.replayed

            results = [future.result() for future in [pool.submit(once) for _ in range(4)]]
            assert sorted(results) == [("accepted", False), *[("accepted", True)] * 3]
    assert count(bench, Receipt) == count(bench, AuditEntry) == count(bench, Notice) == commands
    assert row(bench, Asset.ver) == [(1 + commands,)]
    with bench.app.app_context():
        assert list(checking.broken(db.session())) == []
        db.session.remove()


def test_due_work_does_not_wait_for_other_due_work(bench: Bench, asset: str) -> None:
    """On PostgreSQL the lock of the author would make one queue of all that is due."""
    with bench.app.app_context(), db.engine.connect() as other:
        if other.dialect.name == "postgresql":
            other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ledger.lock_key(f"author:{SYSTEM_ID}")})
        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(run, bench, due(asset))
            try:
                assert under_way.result(timeout=30).outcome == "accepted"
            finally:
                other.rollback()


def test_51_a_field_that_the_system_changed_is_in_conflict_with_its_name(bench: Bench, asset: str) -> None:
    assert run(bench, due(asset, "Calibrate")).outcome == "accepted"
    seen = {"model": "GT06-N", "serial_no": "8832019", "plate": "HA8K321"}
    base = {"ver": 1, "fields": {**seen, "note": None}}
    tech = bench.cast.tech
    result = bench.send(tech, "asset.amend", ("asset", asset), {**seen, "note": "Loose cable"}, base=base)
    assert result.outcome == "conflict"
    assert "You wrote: Loose cable. Meanwhile the system wrote: Calibrate" in result.problems["note"][0]
    ((job,),) = row(bench, JobAsset.job_id)
    page = bench.client_of(tech).get(f"/jobs/{job}/assets/{asset}").text
    assert "the system · " in page


def test_the_day_of_the_system_is_never_in_the_future(bench: Bench, asset: str) -> None:
    later = clock.now() + timedelta(days=2)
    assert run(bench, due(asset, due_at=later)).outcome == "accepted"
    ((device_at,),) = row(bench, AuditEntry.device_at)
    assert device_at < later
