"""The audit log: chain, commitments, parts (D-AUD-1, ADR 38)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from fieldapp.kernel import clock, ids
from fieldapp.platform.audit import Entry, Head, append, checking, contents_of, head
from fieldapp.platform.audit.models import AuditContent, AuditEntry, AuditHead
from fieldapp.platform.audit.personal import NOTHING, join, split, undecided
from fieldapp.platform.commandbus import writing
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.extensions import db
from tests.platform.commandbus.test_bus import item
from tests.support.audit import logged
from tests.support.bench import Bench


def captured(bench: Bench, count: int = 5) -> None:
    for _ in range(count):
        assert bench.send(bench.cast.tech, *item(note="13912345678")).outcome == "accepted"


def faults(bench: Bench, outside: Head | None = None) -> list[str]:
    with bench.app.app_context():
        found = list(checking.faults(db.session(), outside))
        db.session.remove()
    return found


def change(bench: Bench, statement: Any) -> None:
    with bench.app.app_context():
        with writing() as session:
            session.execute(statement)
        db.session.remove()


def present_head(bench: Bench) -> Head:
    with bench.app.app_context(), db.engine.connect() as connection:
        return head(connection)


def part_of(number: int, part: str) -> Any:
    return (AuditContent.entry_id == number, AuditContent.part == part)


def test_facts_and_personal_values_stand_apart_and_are_read_together(bench: Bench) -> None:
    captured(bench, 1)
    with bench.app.app_context():
        rows = {row.part: row.body for row in db.session.execute(select(AuditContent.part, AuditContent.body))}
        salts = list(db.session.scalars(select(AuditContent.salt)))
        (entry,) = logged()
        db.session.remove()
    assert "13912345678" in rows["personal"]
    assert "46.00" in rows["facts"]
    assert "13912345678" not in rows["facts"]
    assert [len(salt) for salt in salts] == [32, 32]
    assert salts[0] != salts[1]
    assert entry.after is not None
    assert (entry.after["amount"], entry.after["note"], entry.erased) == ("46.00", "13912345678", False)


@pytest.mark.parametrize("part", ["facts", "personal"])
@pytest.mark.parametrize("column", ["body", "salt"])
def test_changed_byte_of_a_content_names_its_entry(bench: Bench, part: str, column: str) -> None:
    captured(bench)
    assert faults(bench) == []
    values: dict[str, Any] = {"body": func.replace(AuditContent.body, '"', "'"), "salt": bytes(32)}
    change(bench, update(AuditContent).where(*part_of(3, part)).values({column: values[column]}))
    assert faults(bench) == [f"audit entry 3 has other {part} than when it was written"]


COLUMNS = {
    "op": "other",
    "action": "x.y",
    "agg_type": "other",
    "agg_id": "other",
    "actor_id": None,
    "on_behalf_of": 1,
    "channel": "web",
    "dev": "other",
    "device_at": None,
    "at": clock.parse_iso("2026-01-01T00:00:00.000Z"),
    "previous": "0" * 64,
}


@pytest.mark.parametrize("column", COLUMNS)
def test_changed_column_names_its_entry(bench: Bench, column: str) -> None:
    captured(bench)
    change(bench, update(AuditEntry).where(AuditEntry.id == 3).values({column: COLUMNS[column]}))
    assert faults(bench) == ["audit entry 3 does not follow from the one before"]


@pytest.mark.parametrize("column", ["facts_c", "personal_c"])
def test_changed_commitment_names_its_entry(bench: Bench, column: str) -> None:
    captured(bench)
    change(bench, update(AuditEntry).where(AuditEntry.id == 3).values({column: "0" * 64}))
    assert "audit entry 3 does not follow from the one before" in faults(bench)
    change(bench, update(AuditEntry).where(AuditEntry.id == 3).values(personal_c=None))
    assert "audit entry 3 does not follow from the one before" in faults(bench)


@pytest.mark.parametrize("part", ["facts", "personal"])
def test_missing_part_that_no_erasure_names_is_a_fault(bench: Bench, part: str) -> None:
    captured(bench)
    change(bench, delete(AuditContent).where(*part_of(2, part)))
    words = "facts" if part == "facts" else "personal part, and no erasure names it"
    assert faults(bench) == [f"audit entry 2 has lost its {words}"]


def test_entry_taken_out_is_found(bench: Bench) -> None:
    captured(bench)
    change(bench, delete(AuditContent).where(AuditContent.entry_id == 3))
    change(bench, delete(AuditEntry).where(AuditEntry.id == 3))
    assert faults(bench) == ["audit entry 4 does not follow from the one before"]


def cut_after(bench: Bench, number: int) -> None:
    """Remove every entry after `number` and put the head back, as somebody with the database file can."""
    change(bench, delete(AuditContent).where(AuditContent.entry_id > number))
    change(bench, delete(AuditEntry).where(AuditEntry.id > number))
    last = select(AuditEntry.hash).where(AuditEntry.id == number).scalar_subquery()
    change(bench, update(AuditHead).values(last=number, hash=last))


def test_cut_tail_is_found_only_with_a_head_from_outside(bench: Bench) -> None:
    captured(bench)
    yesterday = present_head(bench)
    captured(bench)
    assert faults(bench, yesterday) == []
    cut_after(bench, 3)
    assert faults(bench) == []
    assert faults(bench, yesterday) == ["audit entry 5 is not the one whose hash was kept outside"]


def add_entries(bench: Bench, count: int = 5) -> None:
    with bench.app.app_context():
        with writing() as session:
            append(session.connection(), [entry() for _ in range(count)])
        db.session.remove()


def test_check_says_what_it_cannot_see_without_a_head(bench: Bench) -> None:
    add_entries(bench)
    yesterday = present_head(bench)
    runner = bench.app.test_cli_runner()
    plain = runner.invoke(args=["check"])
    assert (plain.exit_code, f"Head of the audit log: {yesterday}" in plain.output) == (0, True)
    assert "cannot be seen" in plain.output
    assert runner.invoke(args=["check", "--head", str(yesterday)]).exit_code == 0
    cut_after(bench, 3)
    assert runner.invoke(args=["check"]).exit_code == 0
    found = runner.invoke(args=["check", "--head", str(yesterday)])
    assert (found.exit_code, "kept outside" in found.output) == (1, True)
    assert runner.invoke(args=["check", "--head", "5"]).exit_code == 2


ENTRIES = 500


def test_two_writers_get_numbers_without_gaps_and_one_chain(bench: Bench, database: tuple[str, str]) -> None:
    if database[0] == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    failed: list[BaseException] = []

    def write() -> None:
        try:
            with bench.app.app_context():
                for _ in range(ENTRIES // 5):
                    with writing() as session:
                        append(session.connection(), [entry() for _ in range(5)])
                db.session.remove()
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert failed == []
    assert faults(bench) == []
    with bench.app.app_context():
        numbers = list(db.session.scalars(select(AuditEntry.id).order_by(AuditEntry.id)))
        db.session.remove()
    assert numbers == list(range(1, 2 * ENTRIES + 1))


def entry() -> Entry:
    now = clock.now()
    return Entry(action="x.y", agg=("x", str(ids.uuid7())), actor_id=None, at=now, after={"state": "a", "name": "b"})


def test_every_field_of_every_command_is_personal_or_not(bench: Bench) -> None:
    with bench.app.app_context():
        open_fields = {kind: list(undecided(one.schema)) for kind, one in COMMANDS().items()}
    assert {kind: names for kind, names in open_fields.items() if names} == {}


def test_field_without_a_decision_is_found_and_its_values_are_personal(bench: Bench) -> None:
    from marshmallow import Schema, fields

    from fieldapp.platform.audit.personal import decisions_of

    class Row(Schema):
        qty = fields.Integer(metadata={"personal": False})
        word = fields.String()

    class Made(Schema):
        name = fields.String()
        rows = fields.List(fields.Nested(Row))

    assert list(undecided(Made())) == ["name", "rows.word"]
    facts, personal = split({"name": "a", "rows": [{"qty": 1, "word": "b"}, {"qty": 2}]}, decisions_of(Made()))
    assert facts == {"rows": [{"qty": 1}, {"qty": 2}]}
    assert personal == {"name": "a", "rows": [{"word": "b"}, {}]}


NAMES = st.sampled_from(["fact", "personal", "inner", "unknown"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_joined_parts_are_what_was_split(data: dict[str, Any]) -> None:
    facts, personal = split(data, {"fact": False, "personal": True, "inner": {"fact": True, "unknown": False}})
    assert join(facts, personal) == data
    assert not (facts is NOTHING and personal is NOTHING)


def test_contents_of_many_entries_take_one_statement_for_500(bench: Bench, queries: Any) -> None:
    with bench.app.app_context():
        with writing() as session:
            append(session.connection(), [entry() for _ in range(600)])
        with queries() as counted:
            contents = contents_of(db.session(), range(1, 601))
        db.session.remove()
    assert len(contents) == 600
    assert sum("audit_content" in one for one in counted.statements) == 2
