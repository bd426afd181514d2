"""A file belongs to the record that named it first: evidence cannot be taken away (failure mode 66, D-EXP-3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from fieldapp.integrity import faults
from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from tests.money.expenses.conftest import item_data
from tests.support import envelopes
from tests.support.bench import Bench


def note_of(bench: Bench, role: str = "receipt") -> dict[str, Any]:
    return bench.photo(role)[0]


def capture(bench: Bench, who: Any, *notes: dict[str, Any]) -> tuple[str, Any]:
    record = str(ids.uuid7())
    data = item_data(record)
    return record, bench.send(who, "expense_item.capture", ("expense_item", record), data, atts=list(notes))


def owner_of(bench: Bench, note: dict[str, Any]) -> tuple[str | None, str | None]:
    with bench.app.app_context():
        row = db.session.get_one(Attachment, note["id"])
        db.session.remove()
    return row.agg_type, row.agg_id


def test_no_command_takes_a_file_of_another_record(bench: Bench) -> None:
    """Try every command that takes files with the file of an expense, over a whole working day."""
    moment = clock.now().replace(hour=2, minute=0, second=0, microsecond=0)
    frozen = envelopes.freeze(bench, "today", moment)
    commands = bench.app.extensions["commands"]
    envelopes.world(bench, moment)
    people = {person.id: person for person in vars(bench.cast).values() if hasattr(person, "username")}
    notes = {}
    with clock.standing_at(moment):
        for person in people.values():
            notes[person.id] = note_of(bench)
            if bench.actor(person).can("expense_item.capture"):
                assert capture(bench, person, notes[person.id])[1].outcome == "accepted"
    tried = set()
    for record in frozen:
        written = json.loads(record.body)
        who = people[written["user"]]
        with clock.standing_at(clock.parse_iso(written["at"]["utc"])):
            for slot in commands[record.kind].photos:
                taken = {**notes[who.id], "role": slot.role}
                body = {**written, "op": str(ids.uuid7()), "atts": [*written["atts"][: slot.most - 1], taken]}
                result = bench.push(who, json.dumps(body))[0]
                assert (record.name, result.outcome, result.code) == (record.name, "rejected", "attachment.taken")
                assert list(result.problems) == [f"photos.{slot.role}"]
                tried.add(record.kind)
            assert bench.push(who, record.body)[0].outcome == "accepted"
    assert tried == {kind for kind, command in commands.items() if command.photos}


def test_a_photo_taken_again_is_no_file_of_another_record(bench: Bench) -> None:
    first, second = note_of(bench), note_of(bench)
    record, _ = capture(bench, bench.cast.tech, first)
    capture(bench, bench.cast.tech, second)
    data = {"missing": first["id"]}
    result = bench.send(
        bench.cast.tech, "attachment.add", ("expense_item", record), data, atts=[{**second, "role": "photo"}]
    )
    assert (result.outcome, result.code) == ("rejected", "attachment.taken")


def test_receipts_of_an_approved_claim_stay_with_finance(bench: Bench, client_of: Any) -> None:
    """The author names the file in a second expense and discards that expense."""
    cast = bench.cast
    note, data = bench.photo("receipt")
    item, _ = capture(bench, cast.tech, note)
    with bench.app.app_context(), writing() as session:
        row = session.get_one(Attachment, note["id"])
        row.state, row.received = "stored", len(data)
    from fieldapp.services.attachments import store

    with bench.app.app_context():
        place = store.path_of(note["sha256"])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    claim = str(ids.uuid7())
    bench.send(cast.tech, "expense_claim.submit", ("expense_claim", claim), {"id": claim, "items": [item]})
    assert bench.send(cast.leader, "expense_claim.approve", ("expense_claim", claim), {}).outcome == "accepted"
    second, result = capture(bench, cast.tech, note)
    assert (result.outcome, list(result.problems)) == ("rejected", ["photos.receipt"])
    bench.send(cast.tech, "expense_item.discard", ("expense_item", second), {})
    assert owner_of(bench, note) == ("expense_item", item)
    assert client_of(cast.finance).get(f"/attachments/{note['id']}").status_code == 200


def test_a_correction_brings_new_files_only(bench: Bench) -> None:
    note = note_of(bench)
    item, _ = capture(bench, bench.cast.tech, note)
    data = item_data(item)
    again = bench.send(bench.cast.tech, "expense_item.resubmit", ("expense_item", item), data, atts=[note])
    assert (again.outcome, again.code) == ("rejected", "attachment.taken")
    more = note_of(bench)
    assert bench.send(bench.cast.tech, "expense_item.resubmit", ("expense_item", item), data, atts=[more]).outcome == (
        "accepted"
    )


@pytest.mark.parametrize("batch", [True, False], ids=["one batch", "two pushes"])
def test_two_records_that_name_one_file(bench: Bench, batch: bool) -> None:
    note = note_of(bench)
    records = [str(ids.uuid7()) for _ in range(2)]
    bodies = [
        bench.envelope(
            bench.cast.tech, "expense_item.capture", ("expense_item", record), item_data(record), atts=[note]
        )
        for record in records
    ]
    results = (
        bench.push(bench.cast.tech, *bodies) if batch else [bench.push(bench.cast.tech, body)[0] for body in bodies]
    )
    assert [result.outcome for result in results] == ["accepted", "rejected"]
    assert owner_of(bench, note) == ("expense_item", records[0])


def test_one_file_named_twice_counts_once(bench: Bench) -> None:
    note = note_of(bench)
    assert capture(bench, bench.cast.tech, note, note)[1].code == "attachment.taken"


def test_the_refused_record_can_be_sent_with_a_file_of_its_own(bench: Bench) -> None:
    """A refused record claims no files: they are free for the corrected one."""
    note = note_of(bench)
    record = str(ids.uuid7())
    bad = bench.send(
        bench.cast.tech,
        "expense_item.capture",
        ("expense_item", record),
        item_data(record, amount="0"),
        atts=[note],
    )
    assert bad.outcome == "rejected"
    good = bench.send(
        bench.cast.tech,
        "expense_item.capture",
        ("expense_item", record),
        item_data(record),
        atts=[note],
        supersedes=bad.op,
    )
    assert good.outcome == "accepted"


def test_check_finds_claims_whose_receipts_are_gone(bench: Bench) -> None:
    note = note_of(bench)
    item, _ = capture(bench, bench.cast.tech, note)
    claim = str(ids.uuid7())
    bench.send(bench.cast.tech, "expense_claim.submit", ("expense_claim", claim), {"id": claim, "items": [item]})
    with bench.app.app_context():
        assert list(faults()) == []
        with writing() as session:
            session.scalars(select(Attachment)).one().agg_id = str(ids.uuid7())
        problems = list(faults())
        db.session.remove()
    assert len(problems) == 1
    assert "names 1 receipts, 0 belong to it" in problems[0]
