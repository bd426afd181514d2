"""A command is about one type of record; an envelope that names another one is refused."""

from __future__ import annotations

import json

from sqlalchemy import func, select

from fieldapp.kernel import ids
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import DueData
from fieldapp.platform.commandbus.models import Attachment
from fieldapp.platform.extensions import db
from tests.support.bench import Bench, Person
from tests.support.envelopes import Frozen, builds, read


def holder_of(bench: Bench, kind: str) -> Person:
    people = [value for value in vars(bench.cast).values() if isinstance(value, Person)]
    return next(one for one in people if bench.actor(one).can(kind))


def test_an_expense_puts_no_photo_on_another_groups_report(bench: Bench) -> None:
    report = str(ids.uuid7())
    note, _ = bench.photo("receipt")
    data = {"id": report, "kind": "local_transport", "amount": "46.00", "spent_on": "2026-11-29", "note": "bus"}
    result = bench.send(bench.cast.other_tech, "expense_item.capture", ("service_report", report), data, atts=[note])
    assert (result.outcome, result.code) == ("rejected", "record.wrong_type")
    with bench.app.app_context():
        for model in (Attachment, AuditEntry):
            assert db.session.scalar(select(func.count()).select_from(model)) == 0
        db.session.remove()


def test_every_command_refuses_a_type_it_does_not_name(bench: Bench) -> None:
    commands = bench.app.extensions["commands"]
    anywhere = [kind for kind, one in commands.items() if not one.agg_types]
    assert anywhere == ["attachment.add"], "its load compares the type with the file's own"
    for kind, one in commands.items():
        # Nobody can send what only the clock does.
        if one.agg_types and not isinstance(one.schema, DueData):
            agg = ("another_record", str(ids.uuid7()))
            result = bench.send(holder_of(bench, kind), kind, agg, {}, schema=one.version)
            assert (result.outcome, result.code) == ("rejected", "record.wrong_type"), kind


def test_every_frozen_envelope_names_a_type_its_command_accepts(bench: Bench) -> None:
    commands = bench.app.extensions["commands"]
    frozen: list[Frozen] = [one for build in builds() for one in read(build)[0]]
    said = [json.loads(one.body) for one in frozen]
    assert [(one["kind"], one["agg"][0]) for one in said if not commands[one["kind"]].accepts(one["agg"][0])] == []
