"""A made-up record type is one folder: form, list, command, permission, tile and offline page come by discovery."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fieldapp.kernel import ids
from fieldapp.platform.commandbus import Context, Effect
from fieldapp.platform.commandbus.models import Receipt
from fieldapp.platform.extensions import db
from fieldapp.platform.web.fields import Form, Id, text
from tests.support.bench import DEVICE, Bench, build_app


@pytest.fixture(scope="module")
def sample_bench(database: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(build_app(tmp_path_factory.mktemp("sample"), database[1], roots=("fieldapp", "tests.sample")))


@pytest.fixture
def bench(sample_bench: Bench) -> Bench:
    sample_bench.reset()
    return sample_bench


def test_the_form_is_drawn_from_the_schema(bench: Bench) -> None:
    page = bench.client_of(bench.cast.tech).get("/tool-checks/new").text
    assert 'data-op="tool_check.record"' in page
    assert re.search(r'name="missing"[^>]*required[^>]*maxlength="200"', page)


def test_it_reaches_the_command_bus_from_phones_and_form_posts(bench: Bench) -> None:
    one = str(ids.uuid7())
    sent = bench.send(
        bench.cast.tech, "tool_check.record", ("tool_check", one), {"id": one, "missing": "pliers"}, schema=2
    )
    assert (sent.outcome, sent.ref) == ("accepted", "T-1")
    client = bench.client_of(bench.cast.tech)
    page = client.get("/tool-checks/new").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    posted = client.post("/tool-checks/new", data={**hidden, "missing": "hammer"})
    assert posted.status_code == 303
    again = client.post("/tool-checks/new", data={**hidden, "missing": "hammer"})
    assert again.status_code == 303
    listing = client.get("/tool-checks").text
    assert listing.count("hammer") == listing.count("pliers") == 1


def test_58_a_record_of_the_schema_before_is_lifted(bench: Bench) -> None:
    one, two, three = (str(ids.uuid7()) for _ in range(3))
    old = bench.envelope(
        bench.cast.tech, "tool_check.record", ("tool_check", one), {"id": one, "lost": "saw"}, schema=1
    )
    new = bench.envelope(
        bench.cast.tech, "tool_check.record", ("tool_check", two), {"id": two, "missing": "file"}, schema=2
    )
    bad = bench.envelope(bench.cast.tech, "tool_check.record", ("tool_check", three), {"id": three}, schema=1)
    outcomes = [(result.outcome, result.problems.keys()) for result in bench.push(bench.cast.tech, old, new, bad)]
    # What the lift cannot fill in is refused in the words of today's form.
    assert outcomes == [("accepted", set()), ("accepted", set()), ("rejected", {"missing"})]
    listing = bench.client_of(bench.cast.tech).get("/tool-checks").text
    assert "saw" in listing
    assert "file" in listing
    with bench.app.app_context():
        # What is stored is what the phone froze, and its repetition is a replay.
        assert db.session.get_one(Receipt, json.loads(old)["op"]).body == old
        db.session.remove()
    assert bench.push(bench.cast.tech, old)[0].replayed
    said = {"dev": DEVICE, "ep": "0a1b2c3d", "user": bench.cast.tech.id, "build": "t", "next_seq": 1, "now": ""}
    answer = bench.client_of(bench.cast.tech).post("/sync/hello", json=said).json
    assert answer["schemas"]["tool_check.record"] == [1, 2]


def test_58_an_ordinary_post_of_the_page_before_is_lifted(bench: Bench) -> None:
    """A page that was open during the update, in a browser without JavaScript."""
    client = bench.client_of(bench.cast.tech)
    page = client.get("/tool-checks/new").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert hidden["_schema"] == "2"
    posted = client.post("/tool-checks/new", data={**hidden, "_schema": "1", "lost": "level"})
    assert posted.status_code == 303
    assert "level" in client.get("/tool-checks").text
    odd = client.post(
        "/tool-checks/new", data={**hidden, "_op": str(ids.uuid7()), "_schema": "x", "missing": "y" * 201}
    )
    assert odd.status_code == 422


def test_58_a_newer_phone_waits_for_the_update_of_the_server(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    one = str(ids.uuid7())
    body = bench.envelope(
        bench.cast.tech, "tool_check.record", ("tool_check", one), {"id": one, "gone": "tape"}, schema=3
    )
    for _ in range(3):
        waiting = bench.push(bench.cast.tech, body)[0]
        assert (waiting.outcome, waiting.replayed) == ("unsupported_schema", False)
    assert "tape" not in bench.client_of(bench.cast.tech).get("/tool-checks").text

    # The update comes: schema 3, and a lift from 2.
    commands = bench.app.extensions["commands"]
    now = commands["tool_check.record"]

    class Third(Form):
        id = Id(required=True)
        gone = text("What is gone", max=200, required=True)

    def run(ctx: Context, record: None, data: dict[str, Any]) -> Effect:
        return now.run(ctx, record, {"id": data["id"], "missing": data["gone"]})

    def lift(data: dict[str, Any]) -> dict[str, Any]:
        return {"id": data["id"], "gone": data["missing"]}

    third = replace(now, schema=Third(), run=run, version=3, lifts=(*now.lifts, lift))
    monkeypatch.setitem(commands, "tool_check.record", third)
    assert [bench.push(bench.cast.tech, body)[0].outcome for _ in range(2)] == ["accepted", "accepted"]
    listing = bench.client_of(bench.cast.tech).get("/tool-checks").text
    assert listing.count("tape") == 1
    two = str(ids.uuid7())
    oldest = bench.envelope(bench.cast.tech, "tool_check.record", ("tool_check", two), {"id": two, "lost": "awl"})
    assert bench.push(bench.cast.tech, oldest)[0].outcome == "accepted"
    assert "awl" in bench.client_of(bench.cast.tech).get("/tool-checks").text


def test_bad_input_comes_back_with_words_and_what_was_typed(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    page = client.get("/tool-checks/new").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    answer = client.post("/tool-checks/new", data={**hidden, "missing": "x" * 201})
    assert answer.status_code == 422
    assert "x" * 201 in answer.text
    assert re.search(r'id="err-missing"[^>]*>[^<]+<', answer.text)


def test_who_may_not_may_not(bench: Bench) -> None:
    one = str(ids.uuid7())
    data = {"id": one, "missing": "pliers"}
    assert bench.send(bench.cast.hr, "tool_check.record", ("tool_check", one), data, schema=2).outcome == "rejected"
    assert (
        bench.send(bench.cast.leader, "tool_check.record", ("tool_check", one), data, schema=2).code
        == "record.not_allowed"
    )
    assert bench.client_of(bench.cast.hr).get("/tool-checks/new").status_code == 403


def test_it_is_on_the_add_screen_and_offline(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    assert "/tool-checks/new" in client.get("/add").text
    assert "/tool-checks/new" in [entry["url"] for entry in client.get("/sync/pack").json["entries"]]


def test_its_folder_is_all_there_is() -> None:
    root = Path(__file__).resolve().parents[2]
    for folder in ("fieldapp", "templates", "static/src"):
        for path in (root / folder).rglob("*.*"):
            if path.suffix in {".py", ".html", ".ts"}:
                assert "tool_check" not in path.read_text(), path
