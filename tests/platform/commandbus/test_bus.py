"""The door on both databases: every rule of the ledger (docs/architecture.md, ADR 2)."""

from __future__ import annotations

import json
from itertools import chain, repeat
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select

from fieldapp.integrity import faults
from fieldapp.kernel import clock, ids
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.audit import chain as audit_chain
from fieldapp.platform.audit import checking
from fieldapp.platform.audit.models import AuditContent, AuditEntry
from fieldapp.platform.commandbus.models import Quarantine, Receipt
from fieldapp.platform.extensions import db
from tests.support.bench import Bench

KIND = "expense_item.capture"


def item(**over: Any) -> tuple[str, tuple[str, str], dict[str, Any]]:
    one = str(ids.uuid7())
    data = {
        "id": one,
        "kind": "local_transport",
        "amount": "46.00",
        "spent_on": clock.today().isoformat(),
        "note": "bus",
    }
    return KIND, ("expense_item", one), {**data, **over}


def count(bench: Bench, model: Any, *where: Any) -> int:
    with bench.app.app_context():
        return int(db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0)


def test_accepts_and_remembers(bench: Bench) -> None:
    result = bench.send(bench.cast.tech, *item())
    assert (result.outcome, result.replayed, result.problems) == ("accepted", False, {})
    assert count(bench, Receipt) == count(bench, AuditEntry) == 1


def test_1_the_same_bytes_again_are_a_replay(bench: Bench) -> None:
    body = bench.envelope(bench.cast.tech, *item())
    first, second = bench.push(bench.cast.tech, body)[0], bench.push(bench.cast.tech, body)[0]
    assert (first.replayed, second.replayed) == (False, True)
    assert second.outcome == "accepted"
    assert second.ver == first.ver
    assert count(bench, AuditEntry) == 1


def test_the_same_bytes_twice_in_one_batch_are_one_effect(bench: Bench) -> None:
    body = bench.envelope(bench.cast.tech, *item())
    first, second = bench.push(bench.cast.tech, body, body)
    assert first.outcome == second.outcome == "accepted"
    assert second.replayed
    assert count(bench, AuditEntry) == 1


def test_4_other_bytes_under_a_used_id_are_refused_and_kept(bench: Bench) -> None:
    op = str(ids.uuid7())
    bench.send(bench.cast.tech, *item(), op=op)
    result = bench.send(bench.cast.tech, *item(amount="99.00"), op=op)
    assert result.outcome == "id_reused"
    assert count(bench, Receipt) == count(bench, AuditEntry) == count(bench, Quarantine) == 1


def test_7_receipts_outlive_any_absence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    body = bench.envelope(bench.cast.tech, *item())
    bench.push(bench.cast.tech, body)
    later = clock.now() + timedelta(days=400)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert bench.push(bench.cast.tech, body)[0].replayed


def test_41_another_persons_envelope_is_not_applied(bench: Bench) -> None:
    body = bench.envelope(bench.cast.tech, *item())
    assert bench.push(bench.cast.tech2, body)[0].outcome == "wrong_user"
    assert count(bench, Receipt) == 0
    assert bench.push(bench.cast.tech, body)[0].outcome == "accepted"


def test_52_a_refused_record_is_stored_with_its_problems(bench: Bench) -> None:
    result = bench.send(bench.cast.tech, *item(amount="-1"))
    assert result.outcome == "rejected"
    assert set(result.problems) == {"amount"}
    with bench.app.app_context():
        row = db.session.scalars(select(Receipt)).one()
        assert json.loads(row.body)["data"]["amount"] == "-1"
        assert row.outcome == "rejected"
    assert count(bench, AuditEntry) == 0


def test_an_unknown_field_is_refused(bench: Bench) -> None:
    result = bench.send(bench.cast.tech, *item(colour="red"))
    assert (result.outcome, set(result.problems)) == ("rejected", {"colour"})


def test_58_an_unknown_kind_waits_and_is_tried_again(bench: Bench) -> None:
    one = str(ids.uuid7())
    body = bench.envelope(bench.cast.tech, "future.thing", ("future", one), {"id": one})
    assert bench.push(bench.cast.tech, body)[0].outcome == "unsupported_schema"
    again = bench.push(bench.cast.tech, body)[0]
    assert (again.outcome, again.replayed) == ("unsupported_schema", False)
    assert count(bench, Receipt) == 1


def test_58_a_newer_schema_waits(bench: Bench) -> None:
    assert bench.send(bench.cast.tech, *item(), schema=99).outcome == "unsupported_schema"


def test_a_role_without_the_verb_is_refused(bench: Bench) -> None:
    result = bench.send(bench.cast.hr, *item())
    assert (result.outcome, result.code) == ("rejected", "command.not_allowed")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"v":1}',
        "\ud800",
        "[" * 100_000,
        json.dumps({"op": "01890000-0000-4000-8000-000000000000"}),
    ],
)
def test_what_is_no_envelope_is_said_to_be_unreadable(bench: Bench, body: str) -> None:
    result = bench.push(bench.cast.tech, body)[0]
    assert (result.outcome, result.code) == ("rejected", "envelope.unreadable")
    assert count(bench, Receipt) == 0


@pytest.mark.parametrize(
    "over",
    [
        {"v": 2},
        {"op": "x"},
        {"op": str(uuid4())},
        {"dev": "phone"},
        {"ep": "xyz"},
        {"seq": -1},
        {"kind": ""},
        {"kind": "k" * 65},
        {"agg": ["expense_item", "x"]},
        {"agg": ["expense_item"]},
        {"depends": ["x"]},
        {"at": {"utc": "yesterday"}},
        {"at": {"utc": "2026-11-22T09:14:03"}},
        {"at": {"utc": "2026-11-22T09:14:03Z", "offset_ms": 10**30}},
        {"schema": 0},
        {"extra": 1},
        {"user": "tech"},
        {"atts": [{"id": "x", "name": "n", "mime": "m", "size": 1, "sha256": "0" * 64}]},
        {"data": "text"},
        {"build": "b\x00"},
    ],
)
def test_a_malformed_envelope_never_fails_the_server(bench: Bench, over: dict[str, Any]) -> None:
    body = json.dumps({**json.loads(bench.envelope(bench.cast.tech, *item())), **over})
    result = bench.push(bench.cast.tech, body)[0]
    assert (result.outcome, result.code) == ("rejected", "envelope.unreadable")


def test_49_a_poisoned_record_holds_back_nobody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    command = bench.app.extensions["commands"][KIND]

    def fails(ctx: Any, record: Any, data: dict[str, Any]) -> Any:
        if data.get("note") == "poison":
            raise ZeroDivisionError
        return command.run(ctx, record, data)

    from dataclasses import replace

    monkeypatch.setitem(bench.app.extensions["commands"], KIND, replace(command, run=fails))
    bodies = [bench.envelope(bench.cast.tech, *item(note="poison" if n == 20 else "fine")) for n in range(50)]
    results = bench.push(bench.cast.tech, *bodies)
    assert [r.outcome for r in results].count("accepted") == 49
    assert results[20].outcome == "busy"
    monkeypatch.undo()
    assert bench.push(bench.cast.tech, bodies[20])[0].outcome == "accepted"
    assert count(bench, AuditEntry) == 50


def test_46_a_record_waits_for_what_it_refers_to(bench: Bench) -> None:
    parent = bench.envelope(bench.cast.tech, *item())
    parent_op = json.loads(parent)["op"]
    child = bench.envelope(bench.cast.tech, *item(), depends=[parent_op])
    held = bench.push(bench.cast.tech, child)[0]
    assert (held.outcome, held.needs) == ("held", [parent_op])
    assert bench.push(bench.cast.tech, parent)[0].outcome == "accepted"
    assert bench.push(bench.cast.tech, child)[0].outcome == "accepted"
    assert count(bench, AuditEntry) == 2


def test_46_a_chain_released_in_one_batch(bench: Bench) -> None:
    a = bench.envelope(bench.cast.tech, *item())
    b = bench.envelope(bench.cast.tech, *item(), depends=[json.loads(a)["op"]])
    c = bench.envelope(bench.cast.tech, *item(), depends=[json.loads(b)["op"]])
    results = bench.push(bench.cast.tech, c, b, a)
    assert [r.outcome for r in results] == ["accepted"] * 3


def test_46_a_waiting_record_sent_again_behind_its_parent_is_applied_once(bench: Bench) -> None:
    parent = bench.envelope(bench.cast.tech, *item())
    child = bench.envelope(bench.cast.tech, *item(), depends=[json.loads(parent)["op"]])
    assert bench.push(bench.cast.tech, child)[0].outcome == "held"
    assert [r.outcome for r in bench.push(bench.cast.tech, parent, child)] == ["accepted"] * 2
    assert count(bench, AuditEntry) == 2


def test_54_a_wrong_clock_is_never_a_reason_to_refuse(bench: Bench) -> None:
    for utc in ("2031-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2026-11-22T09:14:03+08:00"):
        at = {"utc": utc, "tz": "Europe/Berlin", "offset_ms": None, "offset_age_s": None}
        assert bench.send(bench.cast.tech, *item(), at=at).outcome == "accepted"


def test_the_trail_shows_any_change(bench: Bench) -> None:
    for _ in range(3):
        bench.send(bench.cast.tech, *item())
    from fieldapp.platform.commandbus import writing

    with bench.app.app_context():
        assert list(checking.broken(db.session())) == []
        with writing() as session:
            session.get_one(AuditEntry, 2).actor_id = bench.cast.leader.id
        assert list(checking.broken(db.session())) == [2]


def test_a_receipt_without_its_effect_is_found_and_the_other_way_round(bench: Bench) -> None:
    lost, alone, _ = (bench.send(bench.cast.tech, *item()).op for _ in range(3))
    with bench.app.app_context(), db.engine.begin() as connection:
        entry = select(AuditEntry.id).where(AuditEntry.op == lost)
        connection.execute(delete(AuditContent).where(AuditContent.entry_id.in_(entry)))
        connection.execute(delete(AuditEntry).where(AuditEntry.op == lost))
        connection.execute(delete(Receipt).where(Receipt.op == alone))
    with bench.app.app_context():
        found = list(faults())
    assert f"receipt {lost} is accepted but has no effect" in found
    assert f"effect of {alone} has no accepted receipt" in found
    assert sum("effect" in one for one in found) == 2


def test_4_superseding_a_refused_record_links_the_two(bench: Bench) -> None:
    kind, agg, data = item(amount="0")
    bad = bench.envelope(bench.cast.tech, kind, agg, data)
    bench.push(bench.cast.tech, bad)
    op = json.loads(bad)["op"]
    good = bench.send(bench.cast.tech, kind, agg, {**data, "amount": "46.00"}, supersedes=op)
    assert good.outcome == "accepted"
    with bench.app.app_context():
        assert db.session.get_one(Receipt, op).superseded_by == good.op


def test_4_a_record_and_its_correction_in_one_batch_are_linked(bench: Bench) -> None:
    kind, agg, data = item(amount="0")
    bad = bench.envelope(bench.cast.tech, kind, agg, data)
    op = json.loads(bad)["op"]
    good = bench.envelope(bench.cast.tech, kind, agg, {**data, "amount": "46.00"}, supersedes=op)
    assert [result.outcome for result in bench.push(bench.cast.tech, bad, good)] == ["rejected", "accepted"]
    with bench.app.app_context():
        assert db.session.get_one(Receipt, op).superseded_by == json.loads(good)["op"]


def test_46_a_correction_releases_what_waited_for_the_refused_record(bench: Bench) -> None:
    kind, agg, data = item(amount="0")
    bad = bench.envelope(bench.cast.tech, kind, agg, data)
    child = bench.envelope(bench.cast.tech, *item(), depends=[json.loads(bad)["op"]])
    assert [r.outcome for r in bench.push(bench.cast.tech, bad, child)] == ["rejected", "held"]
    worse = bench.envelope(bench.cast.tech, kind, agg, {**data, "amount": "-1"}, supersedes=json.loads(bad)["op"])
    good = bench.envelope(bench.cast.tech, kind, agg, {**data, "amount": "1.00"}, supersedes=json.loads(worse)["op"])
    assert [r.outcome for r in bench.push(bench.cast.tech, worse, good)] == ["rejected", "accepted"]
    assert bench.push(bench.cast.tech, child)[0].outcome == "accepted"
    later = bench.envelope(bench.cast.tech, *item(), depends=[json.loads(bad)["op"]])
    assert bench.push(bench.cast.tech, later)[0].outcome == "accepted"


def test_63_photos_are_expected_from_the_moment_the_record_names_them(bench: Bench) -> None:
    from fieldapp.services.attachments import progress_of

    note, _ = bench.photo("receipt")
    kind, agg, data = item()
    assert bench.send(bench.cast.tech, kind, agg, data, atts=[note]).outcome == "accepted"
    with bench.app.app_context():
        assert progress_of("expense_item", [agg[1]]) == {agg[1]: (0, 1)}


def test_a_role_of_photo_the_record_does_not_have_is_refused(bench: Bench) -> None:
    note, _ = bench.photo("selfie")
    result = bench.send(bench.cast.tech, *item(), atts=[note])
    assert set(result.problems) == {"photos.selfie"}


def test_a_batch_with_a_late_refusal_ends_as_if_each_had_come_alone(bench: Bench) -> None:
    """What fails after its command began sends the whole batch the careful way; the others lose nothing."""
    first = item()
    again = (first[0], first[1], {**first[2], "note": "the same id by another record"})
    future = item(spent_on="2099-01-01")
    bodies = [bench.envelope(bench.cast.tech, *one) for one in (first, item(), again, future, item())]
    results = bench.push(bench.cast.tech, *bodies)
    assert [r.outcome for r in results] == ["accepted", "accepted", "conflict", "rejected", "accepted"]
    assert results[3].problems["spent_on"]
    assert count(bench, AuditEntry) == 3
    assert [r.outcome for r in bench.push(bench.cast.tech, *bodies)] == [r.outcome for r in results]


def test_3_an_id_taken_between_asking_and_inserting_is_found_by_the_insert(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the door asks first only chooses the way: where it saw nothing, the insert still decides."""
    from fieldapp.platform.commandbus import ledger

    body = bench.envelope(bench.cast.tech, *item())
    assert not bench.push(bench.cast.tech, body)[0].replayed
    other = bench.envelope(bench.cast.tech, *item(), op=json.loads(body)["op"])
    new = bench.envelope(bench.cast.tech, *item())
    answers = chain([lambda *asked: ({}, {}, {})], repeat(ledger.load_receipts))
    monkeypatch.setattr(ledger, "load_receipts", lambda *asked: next(answers)(*asked))
    results = bench.push(bench.cast.tech, new, other, body)
    assert [(r.outcome, r.replayed) for r in results] == [("accepted", False), ("id_reused", False), ("accepted", True)]
    assert count(bench, Receipt) == count(bench, AuditEntry) == count(bench, ExpenseItem) == 2


def test_both_ways_leave_the_same_in_the_database(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldapp.platform.commandbus import bus

    parent = bench.envelope(bench.cast.tech, *item())
    bodies = [
        bench.envelope(bench.cast.tech, *item(), depends=[json.loads(parent)["op"]]),
        parent,
        bench.envelope(bench.cast.tech, *item(amount="-1")),
        bench.envelope(bench.cast.tech, *item(), depends=[str(ids.uuid7())]),
        bench.envelope(bench.cast.tech, "future.thing", ("future", str(ids.uuid7())), {}),
        bench.envelope(bench.cast.tech, *item()),
    ]
    through, now = bus._through, clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr(audit_chain, "urandom", bytes)
    seen = []
    for way in (False, True):
        bench.reset()
        monkeypatch.setattr(
            bus, "_through", lambda *args, use_savepoints, way=way: through(*args, use_savepoints=use_savepoints or way)
        )
        results = [result.wire() for result in bench.push(bench.cast.tech, *bodies)]
        seen.append((results, [_rows(bench, model) for model in (Receipt, ExpenseItem, AuditEntry, AuditContent)]))
    assert seen[0] == seen[1]
    outcomes = ["accepted", "accepted", "rejected", "held", "unsupported_schema", "accepted"]
    assert [result["outcome"] for result in seen[0][0]] == outcomes


def _rows(bench: Bench, model: Any) -> list[Any]:
    with bench.app.app_context():
        return sorted(map(repr, db.session.execute(select(*model.__table__.c))))


def test_49_what_depends_on_a_poisoned_record_waits_for_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held, not refused; released in the moment in which the poisoned one goes through after all."""
    from dataclasses import replace

    commands = bench.app.extensions["commands"]

    def fails(ctx: Any, record: Any, data: dict[str, Any]) -> Any:
        if data.get("note") == "poison":
            raise ZeroDivisionError
        return original.run(ctx, record, data)

    original = commands[KIND]
    monkeypatch.setitem(commands, KIND, replace(original, run=fails))
    poisoned = bench.envelope(bench.cast.tech, *item(note="poison"))
    op = json.loads(poisoned)["op"]
    child = bench.envelope(bench.cast.tech, *item(), depends=[op])
    grandchild = bench.envelope(bench.cast.tech, *item(), depends=[json.loads(child)["op"]])
    other = bench.envelope(bench.cast.tech, *item())
    results = bench.push(bench.cast.tech, poisoned, child, grandchild, other)
    assert [r.outcome for r in results] == ["busy", "held", "held", "accepted"]
    assert results[1].needs == [op]
    assert [r.outcome for r in bench.push(bench.cast.tech, poisoned, child)] == ["busy", "held"]
    monkeypatch.undo()
    assert bench.push(bench.cast.tech, poisoned)[0].outcome == "accepted"
    assert [r.outcome for r in bench.push(bench.cast.tech, child, grandchild)] == ["accepted", "accepted"]
    assert count(bench, AuditEntry) == 4


def test_8_a_replay_does_not_bring_back_what_is_gone(bench: Bench) -> None:
    """Nothing in the product deletes a record; should one be taken out by hand, its receipt still answers."""
    from fieldapp.money.expenses.models import ExpenseItem
    from fieldapp.platform.commandbus import writing

    body = bench.envelope(bench.cast.tech, *item())
    first = bench.push(bench.cast.tech, body)[0]
    with bench.app.app_context():
        with writing() as session:
            session.delete(session.scalars(select(ExpenseItem)).one())
        db.session.remove()
    again = bench.push(bench.cast.tech, body)[0]
    assert (again.outcome, again.replayed, again.ref) == ("accepted", True, first.ref)
    assert count(bench, ExpenseItem) == 0


def test_56_a_merged_record_is_found_under_its_old_id(bench: Bench) -> None:
    from sqlalchemy import delete, update

    from fieldapp.field.customers import Asset
    from fieldapp.field.jobs import JobAsset
    from fieldapp.platform.commandbus import writing
    from fieldapp.platform.commandbus.models import Redirect

    job, _ = bench.make_job(bench.cast.tech)
    kept_job, _ = bench.make_job(bench.cast.tech)
    with bench.app.app_context():
        with writing() as session:
            asset_of = dict(session.execute(select(JobAsset.job_id, JobAsset.asset_id)).all())
            old, kept = asset_of[job], asset_of[kept_job]
            older = str(ids.uuid7())
            session.execute(update(JobAsset).where(JobAsset.asset_id == old).values(asset_id=kept))
            session.execute(delete(Asset).where(Asset.id == old))
            # Merged twice, and a ring that a slip of the hand made.
            for from_id, to_id in ((older, old), (old, kept), ("a", "b"), ("b", "a")):
                session.add(Redirect(table="asset", from_id=from_id, to_id=to_id, at=clock.now()))
        db.session.remove()
    data = {"model": "GT06-N", "serial_no": "8832019", "note": "Written under the old id"}
    for one in (old, older):
        assert bench.send(bench.cast.tech, "asset.amend", ("asset", one), data).outcome == "accepted"
    with bench.app.app_context():
        assert db.session.get_one(Asset, kept).note == "Written under the old id"
        db.session.remove()
    gone = bench.send(bench.cast.tech, "asset.amend", ("asset", str(ids.uuid7())), data)
    assert (gone.outcome, gone.code) == ("rejected", "record.not_found")
