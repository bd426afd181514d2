"""Every command with data of every shape: decided, never left waiting because the server failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import fields

from fieldapp.kernel import clock, ids
from fieldapp.platform.commandbus import Command
from tests.fuzz.conftest import Errors
from tests.fuzz.values import CONTAINERS, NUMBERS, SURROGATES, TEXTS, Figures, Source
from tests.fuzz.world import holder
from tests.support.bench import Bench
from tests.support.envelopes import sent_by_people

DECIDED = {"accepted", "rejected", "conflict", "held", "unsupported_schema", "wrong_user", "id_reused"}

#: Values that may well be right, by the widget or the type of a field.
GOOD: dict[str, list[Any]] = {
    "number": [1, "2", 45],
    "hidden": [1, 2],
    "stars": ["5"],
    "money": ["46.00", "0.01", "9999999.99"],
    "Float": [34.5, 113],
    "date": [clock.today().isoformat()],
    "datetime": [f"{clock.today().isoformat()}T09:00"],
    "signature": [[[61, 119, 95, 66]]],
    "check": ["true", True],
    "text": ["text", "\u552e\u540e", "x" * 60],
}

#: What is put into every field in every run, and what only some fields get in a short one.
ODD: list[Any] = ["\0", SURROGATES[0], 2**63, 10**40, {}]
ODDER: list[Any] = [SURROGATES[1], 2**31, -1, 0.5, "x" * 100_000, [], None, True, [{}] * 3000, *TEXTS]


class Commands:
    """Envelopes for all commands of the application."""

    def __init__(self, bench: Bench, known: dict[str, list[str]], source: Source) -> None:
        self.bench, self.source = bench, source
        self.ids = sorted({one for some in known.values() for one in some})
        every: dict[str, Command] = bench.app.extensions["commands"]
        self.commands = {kind: every[kind] for kind in sorted(sent_by_people(bench))}
        self.holders = {kind: holder(bench, kind) for kind in self.commands}

    def good(self, one: fields.Field) -> Any:
        """A value that may well be right."""
        checks = [check for check in one.validators if hasattr(check, "choices")]
        if checks:
            return self.source.one(list(checks[0].choices))
        if isinstance(one, fields.Nested):
            return self.data(one.schema.load_fields)
        if isinstance(one, fields.List):
            return [self.good(one.inner) for _ in range(self.source.one([1, 1, 2, 5]))]
        if type(one).__name__ == "Id":
            return self.source.one([self.source.one(self.ids), str(ids.uuid7())])
        widget = one.metadata.get("widget")
        return self.source.one(GOOD.get(str(widget)) or GOOD.get(type(one).__name__) or GOOD["text"])

    def data(self, given: Any) -> dict[str, Any]:
        """Data of a schema, most of it right."""
        made = {}
        for name, one in given.items():
            if self.source.often(0.1):
                continue
            made[name] = self.source.anything() if self.source.often(0.08) else self.good(one)
        return made

    def envelope(self, kind: str, data: Any = None) -> str:
        """A frozen envelope; now and then any of its fields is wrong, too."""
        source, command = self.source, self.commands[kind]
        data = self.data(command.schema.load_fields) if data is None else data
        record = str(source.one([source.one(self.ids), str(ids.uuid7())]))
        if isinstance(data, dict) and "id" in data and isinstance(data["id"], str) and source.often(0.8):
            record = data["id"]
        types = command.agg_types or ("expense_item", "service_report")
        agg: Any = [source.one(types) if source.often(0.95) else source.text()[:40], record]
        over: dict[str, Any] = {"schema": command.version}
        if source.often(0.15):
            over["atts"] = [self.note() for _ in range(source.one([1, 2, 12]))]
        if source.often(0.1):
            name = source.one(
                ["schema", "seq", "at", "base", "depends", "atts", "supersedes", "build", "v", "op", "ep"]
            )
            over[name] = source.anything()
        if source.often(0.1):
            over["base"] = {"ver": source.one(NUMBERS[:8]), "fields": {"title": source.one(CONTAINERS), "note": "x"}}
        made = json.loads(self.bench.envelope(self.holders[kind], kind, ("x", record), {}))
        # Escaped: a lone surrogate can only be written so.
        return json.dumps({**made, "agg": agg, "data": data, **over})

    def note(self) -> Any:
        """A file that a record names."""
        note, _ = self.bench.photo(str(self.source.one(["photo", "receipt", "other"])))
        if self.source.often(0.3):
            note[str(self.source.one(list(note)))] = self.source.anything()
        return note

    def once(self) -> Iterator[tuple[str, str]]:
        """What is tried in every run: each command with each kind of nonsense in each field, and in place of data."""
        for kind, command in self.commands.items():
            for name in command.schema.load_fields:
                for value in (*ODD, *self.source.some(ODDER, 2)):
                    data = {key: self.good(one) for key, one in command.schema.load_fields.items()}
                    yield kind, self.envelope(kind, {**data, name: value})
            for data in ({}, {"x" * 500: 1}, {"\0": 1}, {str(n): n for n in range(3000)}, [], None, "x", 5):
                yield kind, self.envelope(kind, data if data is not None else {"id": None})


@pytest.mark.fuzz
def test_every_command_is_decided(
    bench: Bench, known_ids: dict[str, list[str]], errors: Errors, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Commands(bench, known_ids, Source("commands"))
    figures = Figures(0.35)

    def directly(kind: str, body: str) -> None:
        result = bench.push(made.holders[kind], body)[0]
        figures.check(result.outcome in DECIDED, lambda: f"{result.outcome} {kind} {errors.last()} {body}")

    def pushed(kind: str, bodies: list[str]) -> None:
        answer = bench.client_of(made.holders[kind]).post("/sync/push", json={"ops": bodies})
        outcomes = {one["outcome"] for one in answer.json["results"]} if answer.status_code == 200 else set()
        good = answer.status_code in {200, 413} and outcomes <= DECIDED
        figures.check(good, lambda: f"{answer.status_code} {outcomes} {kind} {errors.last()} {bodies}")

    for number, (kind, body) in enumerate(made.once()):
        if number % 4:
            directly(kind, body)
        else:
            pushed(kind, [body])
    while figures.goes_on():
        kind = made.source.one(list(made.commands))
        directly(kind, made.envelope(kind))
        pushed(kind, [made.envelope(kind) for _ in range(made.source.one([1, 5, 20]))])
    with capsys.disabled():
        print("\n" + figures.line(f"{len(made.commands)} commands"))  # noqa: T201
    assert figures.failures == []
    assert errors.lines == []
