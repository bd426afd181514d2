"""What any released build ever froze is still taken in (failure mode 58)."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from fieldapp.integrity import faults
from fieldapp.kernel import clock
from fieldapp.platform.audit.models import AuditEntry
from fieldapp.platform.commandbus import DueData
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from tests.support import envelopes
from tests.support.bench import Bench
from tests.support.envelopes import Frozen, gaps, read

ROOT = Path(__file__).resolve().parents[2]
BUILDS = envelopes.builds()


def version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


@pytest.mark.parametrize("build", BUILDS)
def test_58_every_frozen_envelope_is_accepted(bench: Bench, build: str) -> None:
    frozen, moment = read(build)
    results = list(envelopes.replay(bench, frozen, moment))
    refused = [(one.name, result.outcome, result.problems) for one, result in results if result.outcome != "accepted"]
    assert refused == []
    again = bench.push(bench.cast.tech, frozen[0].body)[0]
    assert (again.outcome, again.replayed) == ("accepted", True)
    _one_effect_each(bench, frozen)


def _one_effect_each(bench: Bench, frozen: list[Frozen]) -> None:
    ops = [json.loads(one.body)["op"] for one in frozen]
    with bench.app.app_context():
        for op in (Receipt.op, AuditEntry.op):
            assert db.session.scalar(select(func.count()).where(op.in_(ops))) == len(frozen)
        assert list(faults()) == []
        db.session.remove()


def test_58_every_command_has_a_line_in_the_working_day(bench: Bench) -> None:
    """Without one, no release could freeze an envelope of it."""
    in_the_day = {step.kind for step in envelopes.day(clock.now())}
    commands = bench.app.extensions["commands"].items()
    # What only the clock sends lies on no phone.
    sent_by_people = {kind for kind, command in commands if not isinstance(command.schema, DueData)}
    missing = sorted(sent_by_people - in_the_day)
    assert missing == [], "add a line to day() in tests/support/envelopes.py"


def test_58_the_working_day_can_be_frozen_as_it_is(bench: Bench) -> None:
    """What `make freeze` would write for a release now: accepted, one effect each, and every command in it."""
    moment = clock.now().replace(hour=2, minute=0, second=0, microsecond=0)
    frozen = envelopes.freeze(bench, "next", moment)
    refused = [
        (one.name, result.outcome, result.problems)
        for one, result in envelopes.replay(bench, frozen, moment)
        if result.outcome != "accepted"
    ]
    assert refused == []
    assert gaps(bench.app.extensions["commands"], frozen, "next") == []
    _one_effect_each(bench, frozen)


def test_58_no_schema_is_raised_without_a_lift_and_a_frozen_envelope(bench: Bench) -> None:
    frozen = [one for build in BUILDS for one in read(build)[0]]
    release = version() if "dev" not in version() else ""
    assert gaps(bench.app.extensions["commands"], frozen, release) == []


def test_58_frozen_files_are_what_the_phones_wrote() -> None:
    """The bytes as they were: one line, without an end of line that an editor may have added."""
    for build in BUILDS:
        frozen, _ = read(build)
        assert frozen, build
        for one in frozen:
            said: dict[str, Any] = json.loads(one.body)
            assert (said["build"], one.name.partition("-")[2]) == (build, said["kind"])
            assert "\n" not in one.body


def test_the_guard_sees_what_it_is_there_for(bench: Bench) -> None:
    commands = bench.app.extensions["commands"]
    capture = commands["expense_item.capture"]
    frozen = [Frozen("1.0", "00-x", json.dumps({"kind": "expense_item.capture", "schema": 1}))]
    only = {"expense_item.capture": capture}
    assert gaps(only, frozen, "1.0") == []
    raised = {"expense_item.capture": replace(capture, version=2)}
    assert [line.split(":")[1] for line in gaps(raised, frozen, "")] == [" no lift leads from there", " make freeze"]
    lifted = {"expense_item.capture": replace(capture, version=2, lifts=(lambda data: data,))}
    assert [line.split(":")[1] for line in gaps(lifted, frozen, "")] == [" make freeze"]
    newer = [*frozen, Frozen("1.1", "00-x", json.dumps({"kind": "expense_item.capture", "schema": 2}))]
    assert gaps(lifted, newer, "1.1") == []
    assert "is no command any more" in gaps({}, frozen, "")[0]
    another = {**only, "visit.arrive": commands["visit.arrive"]}
    assert gaps(another, frozen, "") == []
    assert "visit.arrive is not frozen for 1.0" in gaps(another, frozen, "1.0")[0]
