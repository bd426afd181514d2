"""What the product promises and shows today, as text files in tests/golden that a test compares with.

`make golden` writes them; run it after a change that is meant to be seen, and read the difference before committing.
Everything is made on SQLite at a fixed time, in English and without the built client, so that it is the same
on every machine and every day.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from babel.messages.pofile import read_po
from flask import Flask
from flask_migrate import upgrade
from marshmallow import Schema, fields, validate
from openpyxl import load_workbook
from sqlalchemy import Inspector, inspect, select

from fieldapp import create_app
from fieldapp.config import Config
from fieldapp.demo import PASSWORD, fill
from fieldapp.kernel import clock
from fieldapp.platform.extensions import PROVISIONS, db, limiter
from fieldapp.platform.web.assets import Assets
from fieldapp.platform.web.extension_points import MENUS
from fieldapp.services.accounts import actor_of
from fieldapp.services.accounts.models import User
from tests.support.html import Page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "golden"
#: A Wednesday in the middle of a month, 10:30 at the place of business.
MOMENT = datetime(2026, 3, 18, 2, 30, tzinfo=UTC)
MONTH = "2026-03"
#: Whom the demo signs in; the database of the demo has more people.
PEOPLE = (
    *("tech1", "tech2", "tech3", "lead1", "lead2", "finance", "agent", "manager"),
    *("purchasing", "executive", "hr", "quality", "admin"),
)
#: Where the crawl begins. What is linked from these pages is read, too.
STARTS = ("/", "/add", "/me", "/outbox", "/sync/pack", "/manifest.webmanifest", "/offline")
#: Pages of one kind that are read for each person: the next ones are made by the same template.
OF_A_KIND = 2
#: Longer lines are told apart by their beginning and what identifies them.
LONGEST_LINE = 90


class Golden(NamedTuple):
    """The golden files by name, and the pages they were made of: by person, then by address."""

    files: dict[str, str]
    pages: dict[str, dict[str, str]]


def made() -> Golden:
    """Return what the golden files must hold for the product as it is."""
    with tempfile.TemporaryDirectory() as folder, clock.standing_at(MOMENT):
        app = _application(Path(folder))
        found = {
            "routes.txt": "\n".join(_routes(app)),
            "commands.json": json.dumps(_commands(app), indent=1, ensure_ascii=False),
            "schema.txt": "\n".join(_schema(app)),
            "translations.txt": "\n".join(_translations()),
        }
        _fill(app)
        found["permissions.txt"] = "\n".join(_permissions(app))
        found["exports.txt"] = "\n".join(_exports(app))
        read = {name: dict(_read_pages(app, name)) for name in PEOPLE}
        for name, texts in read.items():
            found[f"pages/{name}.txt"] = "\n".join(f"{address} {digest(text)}" for address, text in texts.items())
        found["pages/lines.txt"] = "\n".join(sorted({line for texts in read.values() for line in lines(texts)}))
        with app.app_context():
            db.engine.dispose()
    return Golden({name: text + "\n" for name, text in found.items()}, read)


def _application(folder: Path) -> Flask:
    app = create_app(Config(data=folder, testing=True))
    app.extensions["assets"] = Assets()
    with app.app_context():
        upgrade()
    return app


def _fill(app: Flask) -> None:
    # What the demo stores in words must not depend on whether the catalogues were compiled.
    babel = app.extensions["babel"]
    english = mock.patch.object(babel, "locale_selector", return_value="en")
    with _counted_ids(), english, app.app_context():
        fill()
        db.session.remove()


@contextmanager
def _counted_ids() -> Iterator[None]:
    """Give every id a millisecond of its own, so that ids sort in the order in which they were made."""
    began = int(MOMENT.timestamp()) * 1000
    moments = (milliseconds * 1_000_000 for milliseconds in count(began))
    with mock.patch("fieldapp.kernel.ids.time", SimpleNamespace(time_ns=partial(next, moments))):
        yield


# -- routes, permissions, commands -------------------------------------------------------------------------------


def _routes(app: Flask) -> list[str]:
    """Return rule, methods and who may, whatever the functions are called."""
    found = []
    for rule in app.url_map.iter_rules():
        methods = ",".join(sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}))
        guard = getattr(app.view_functions[rule.endpoint], "guard", "-")
        found.append(f"{rule.rule} {methods} {guard}")
    return sorted(found)


#: `can("…")` in Python and templates, `needs("…")` of routes, `verb="…"` of entries.
_ASKED = re.compile(r"""\b(?:can\(|needs\(|verb=)\s*["']([a-z_]+\.[a-z_]+)["']""")


def verbs(app: Flask) -> set[str]:
    """Return every verb that a command, a route, an entry or a line of the source asks for."""
    found = set(app.extensions["commands"])
    found |= {getattr(view, "guard", "") for view in app.view_functions.values()} - {"", "public"}
    found |= {one.value.verb for menu in MENUS for one in PROVISIONS.of(app).of(menu)}
    for folder, pattern in (("fieldapp", "*.py"), ("templates", "*.html")):
        for path in (ROOT / folder).rglob(pattern):
            found |= set(_ASKED.findall(path.read_text()))
    return found


def _permissions(app: Flask) -> list[str]:
    """Return a line for each verb with the roles that hold it, as the demo's people of one role have them."""
    with app.app_context():
        people = {user.username: actor_of(user.id) for user in db.session.scalars(select(User))}
        db.session.remove()
    actors = {next(iter(people[name].roles)): people[name] for name in PEOPLE if len(people[name].roles) == 1}
    lines = []
    for verb in sorted(verbs(app)):
        holders = [role for role, actor in actors.items() if actor.can(verb)]
        lines.append(f"{verb}: {' '.join(holders) or '-'}")
    return lines


def _commands(app: Flask) -> dict[str, Any]:
    """Return what a command takes, as JSON schema, and what is declared beside it."""
    found = {}
    for kind, one in sorted(app.extensions["commands"].items()):
        found[kind] = {
            "label": str(one.label),
            "about": list(one.agg_types),
            "versions": [one.oldest, one.version],
            "blind": one.reads_nothing_from_batch,
            "merges": sorted(one.merges.fields) if one.merges else [],
            "undo": one.undo,
            "own_work": one.own_work,
            "files": [f"{slot.role} {slot.least}-{slot.most}" for slot in one.photos],
            "data": _object(one.schema),
        }
    return found


def _object(schema: Schema) -> dict[str, Any]:
    known = schema.load_fields
    return {
        "type": "object",
        "properties": {name: _property(one) for name, one in sorted(known.items())},
        "required": sorted(name for name, one in known.items() if one.required),
    }


def _property(one: fields.Field) -> dict[str, Any]:
    if isinstance(one, fields.Nested):
        return _object(one.schema)
    if isinstance(one, fields.List):
        said: dict[str, Any] = {"type": "array", "items": _property(one.inner)}
    else:
        said = {"type": type(one).__name__.strip("_").lower()}
    for check in one.validators:
        if isinstance(check, validate.OneOf):
            said["enum"] = [str(value) for value in check.choices]
        elif isinstance(check, validate.Length | validate.Range):
            said["between"] = [None if end is None else str(end) for end in (check.min, check.max)]
        elif isinstance(check, validate.Regexp):
            said["pattern"] = check.regex.pattern
    days = [getattr(one, "earliest_days", None), getattr(one, "latest_days", None)]
    return {**said, "days": days} if days != [None, None] else said


# -- schema and catalogues ---------------------------------------------------------------------------------------


def _schema(app: Flask) -> list[str]:
    """Return tables, columns, keys and indexes as the migrations leave them."""
    with app.app_context(), db.engine.connect() as connection:
        found = inspect(connection)
        return [line for table in sorted(found.get_table_names()) for line in _table(found, table)]


def _table(found: Inspector, table: str) -> list[str]:
    lines = [table]
    for one in found.get_columns(table):
        null = "null" if one["nullable"] else "not null"
        default = f" default {one['default']}" if one["default"] is not None else ""
        lines.append(f"  {one['name']} {one['type']} {null}{default}")
    lines.append(f"  primary key {', '.join(found.get_pk_constraint(table)['constrained_columns'])}")
    keys = [
        f"  {', '.join(one['constrained_columns'])} -> {one['referred_table']}({', '.join(one['referred_columns'])})"
        for one in found.get_foreign_keys(table)
    ]
    unique = [f"  unique {', '.join(map(str, one['column_names']))}" for one in found.get_unique_constraints(table)]
    indexes = [
        f"  {'unique ' if one['unique'] else ''}index {one['name']} on {', '.join(map(str, one['column_names']))}"
        for one in found.get_indexes(table)
    ]
    return [*lines, *sorted(keys), *sorted(unique), *sorted(indexes)]


def _translations() -> Iterator[str]:
    """Give the number of messages of each catalogue, how many have words, and what identifies them all."""
    for path in sorted((ROOT / "fieldapp" / "translations").rglob("messages.po")):
        with path.open("rb") as file:
            words = sorted((repr(one.id), repr(one.string)) for one in read_po(file) if one.id)
        said = sum(string not in {"''", "('', '')"} for _, string in words)
        yield f"{path.parts[-3]} {len(words)} messages, {said} with words, {digest(repr(words))}"


# -- exports -----------------------------------------------------------------------------------------------------


def _exports(app: Flask) -> Iterator[str]:
    """Give the demo's month as the two files that finance downloads."""
    client = _signed_in(app, "finance")
    answer = client.get(f"/reimbursements/list.csv?month={MONTH}")
    yield f"list.csv {hashlib.blake2b(answer.data, digest_size=16).hexdigest()}"
    yield from answer.data.decode("utf-8-sig").splitlines()
    book = load_workbook(BytesIO(client.get(f"/reimbursements/list.xlsx?month={MONTH}").data))
    for sheet in book:
        yield f"list.xlsx {sheet.title} {sheet.dimensions}"
        for row in sheet.iter_rows():
            cells = [f"{one.coordinate}={one.value!r} {one.number_format}" for one in row if one.value is not None]
            yield " | ".join(cells)


# -- pages -------------------------------------------------------------------------------------------------------


def _signed_in(app: Flask, name: str) -> Any:
    limiter.reset()
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = f"10.0.0.{PEOPLE.index(name) + 1}"
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    answer = client.post("/login", data={"username": name, "password": PASSWORD})
    assert answer.status_code == 303, name
    return client


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ID_NUMBER = re.compile(r"\bid\d+")


class _Mask:
    """Gives ids that differ from run to run the numbers in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        text = re.sub(r"([?&]|&amp;)after=[\w=%-]+", r"\1after=*", text)
        return _ID.sub(lambda found: f"id{self.numbers.setdefault(found[0], len(self.numbers) + 1)}", text)


def _read_pages(app: Flask, name: str) -> Iterator[tuple[str, str]]:
    """Give address and normalised text of the pages that this person reaches from the first ones."""
    client, mask = _signed_in(app, name), _Mask()
    waiting, seen, kinds = list(STARTS), set(STARTS), Counter[str]()
    while waiting:
        address = waiting.pop(0)
        answer = client.get(address)
        text = answer.get_data(as_text=True) if answer.mimetype.startswith(("text/html", "application/")) else ""
        links: set[str] = set()
        if answer.mimetype == "text/html" and answer.status_code == 200:
            links = Page(text).links
        elif answer.status_code in {302, 303}:
            links = {answer.headers["Location"]}
        yield mask(address), _normalised(answer, text)
        answer.close()
        for link in sorted(links - seen):
            kinds[_shape(link)] += 1
            if kinds[_shape(link)] <= OF_A_KIND:
                seen.add(link)
                waiting.append(link)


def _shape(address: str) -> str:
    """Return the address without what tells one record from another."""
    path, _, query = address.partition("?")
    names = "&".join(sorted(part.partition("=")[0] for part in query.split("&")))
    return re.sub(r"[0-9a-f-]{36}|\d+", "*", path) + ("?" + names if query else "")


def _normalised(answer: Any, text: str) -> str:
    head = f"{answer.status_code} {answer.mimetype} {answer.headers.get('Location', '')}"
    if answer.mimetype == "application/json" and "entries" in (answer.json or {}):
        text = "\n".join(entry["url"] for entry in answer.json["entries"])
    elif answer.mimetype == "text/html":
        text = "\n".join(line.strip() for line in re.sub(r">\s*<", ">\n<", text).splitlines() if line.strip())
    elif not answer.mimetype.startswith(("application/manifest", "application/json")):
        text = ""
    return _Mask()(f"{head}\n{text}")


def digest(text: str) -> str:
    """Return what identifies a text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def lines(pages: dict[str, str]) -> set[str]:
    """Return every line of the pages once, without numbers of ids, and long ones cut."""
    found = {_ID_NUMBER.sub("id", line) for text in pages.values() for line in text.splitlines()}
    return {line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}… {digest(line)}" for line in found}


def _keep(folder: Path, pages: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for address, text in pages.items():
        name = re.sub(r"[^\w?=&-]+", "_", address).strip("_") or "first"
        (folder / f"{name[:150]}.txt").write_text(text + "\n")


def main() -> int:
    """Write the golden files; whole pages for comparing by eye go to the folder given as argument."""
    golden = made()
    for name, text in golden.files.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, pages in golden.pages.items() if sys.argv[1:] else ():
        _keep(Path(sys.argv[1]) / name, pages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
