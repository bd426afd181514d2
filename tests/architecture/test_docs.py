"""Docs that lag are worse than none: what they name must be there, and what is there must be named."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from babel.messages.pofile import read_po
from flask import Flask

from fieldapp.platform.commandbus import Envelope, Result
from fieldapp.platform.sync.answers import limits
from fieldapp.services.accounts.roles import NAMES
from fieldapp.services.rescue.archive import Manifest
from tests.support.bench import build_app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])
PLACES = ("fieldapp/", "tests/", "static/", "templates/", "scripts/", "migrations/", "benchmarks/", "docs/")
MADE_LATER = ("static/dist/", "migrations/versions/", "docs/images/")


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["reference"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _reference()


@pytest.fixture(scope="module")
def plain_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The product alone; what docs say does not depend on the database."""
    return build_app(tmp_path_factory.mktemp("docs"))


def named(path: Path) -> Path:
    return path.relative_to(ROOT)


# -- generated pages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "error-codes.md"])
def test_the_reference_is_current(plain_app: Flask, name: str) -> None:
    assert (DOCS / name).read_text() == reference.documents(plain_app)[name], "run `make reference`"


def test_every_command_setting_and_code_is_named(plain_app: Flask) -> None:
    commands = (DOCS / "commands.md").read_text()
    missing = [kind for kind in plain_app.extensions["commands"] if f"## {kind}\n" not in commands]
    settings = (DOCS / "settings.md").read_text()
    missing += [
        one for one in (*reference.variables(), *plain_app.extensions["settings"]) if f"`{one}`" not in settings
    ]
    codes = (DOCS / "error-codes.md").read_text()
    missing += [code for code in reference.codes() if f"`{code}`" not in codes]
    assert missing == []


def test_codes_are_noun_and_problem() -> None:
    bad = [code for code in reference.codes() if not re.fullmatch(r"[a-z_]+\.([a-z_]+|<status>)", code)]
    assert bad == []


# -- what docs name is there -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(named(page)))
def test_files_that_docs_name_exist(page: Path) -> None:
    gone = []
    for word in re.findall(r"`([^`\s]+)`", page.read_text()):
        path = word.split("::")[0]
        if not path.startswith(PLACES) or re.search(r"[<>*…]", path) or path.startswith(MADE_LATER):
            continue
        if not (ROOT / path).exists():
            gone.append(path)
    assert gone == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(named(page)))
def test_links_lead_somewhere(page: Path) -> None:
    gone = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path = target.split("#")[0]
        if not path or "://" in path or "images/" in path:
            continue
        if not (page.parent / path).exists():
            gone.append(target)
    assert gone == []


def test_pictures_that_docs_show_are_taken() -> None:
    """Every picture a page shows comes from scripts/screenshots.py."""
    script = ROOT / "scripts" / "screenshots.py"
    shown = {name for page in PAGES for name in re.findall(r"images/([\w-]+)\.png", page.read_text())}
    assert [name for name in sorted(shown) if name not in script.read_text()] == []


def test_make_targets_that_docs_name_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = page.read_text()
        asked = re.findall(r"`make ([a-z0-9-]+)", text) + re.findall(r"^make ((?:[a-z0-9-]+ ?)+)", text, re.MULTILINE)
        gone = {one for words in asked for one in words.split()} - targets
        assert not gone, f"{named(page)} names {gone}; the Makefile does not"


def test_tests_that_reliability_names_exist() -> None:
    text = (DOCS / "reliability.md").read_text()
    gone = []
    for path, name in re.findall(r"`(tests/[^`:]+)::([^`]+)`", text):
        source = (ROOT / path).read_text() if (ROOT / path).exists() else ""
        if (f"def {name}(" if path.endswith(".py") else name) not in source:
            gone.append(f"{path}::{name}")
    assert gone == []


def test_every_failure_mode_has_its_line() -> None:
    text = (DOCS / "reliability.md").read_text().partition("## Figures")[0]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)] == list(range(1, 75))
    for line in re.findall(r"^\| \d+ \|.*$", text, re.MULTILINE):
        _, _, tests, remark = (cell.strip(" –") for cell in line.strip("|").split("|"))
        assert tests or remark, line


def test_the_recipe_names_every_layer_of_the_sample() -> None:
    text = (DOCS / "adding-a-feature.md").read_text()
    folder = ROOT / "tests" / "sample" / "tool_loans"
    parts = [
        path
        for path in folder.rglob("*")
        if path.suffix in {".py", ".html"} and not path.name.startswith(("test_", "__"))
    ]
    assert [str(named(path)) for path in parts if str(named(path)) not in text] == []


@pytest.mark.parametrize("page", sorted((DOCS / "guides").glob("*.md")), ids=lambda page: page.stem)
def test_guides_call_things_as_the_screens_do(page: Path) -> None:
    """What stands in corner brackets is a word of the Chinese screens."""
    with (ROOT / "fieldapp/translations/zh_Hans/LC_MESSAGES/messages.po").open("rb") as file:
        words = {str(message.string) for message in read_po(file) if isinstance(message.string, str)}
    said = set(re.findall("\u300c(.+?)\u300d", page.read_text()))
    assert said
    assert sorted(said - words) == []


# -- the wire ----------------------------------------------------------------------------------------------------


def _examples() -> list[dict[str, Any]]:
    text = (DOCS / "sync-protocol.md").read_text()
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def test_the_protocol_names_every_endpoint(plain_app: Flask) -> None:
    text = (DOCS / "sync-protocol.md").read_text()
    rules = {rule.rule.split("<")[0] for rule in plain_app.url_map.iter_rules() if rule.rule.startswith("/sync/")}
    assert [rule for rule in sorted(rules) if rule not in text] == []


def test_the_protocol_shows_envelope_and_result_as_they_are(plain_app: Flask) -> None:
    envelope = next(one for one in _examples() if "agg" in one)
    assert set(envelope) == set(Envelope.__struct_fields__)
    results = [one for example in _examples() for one in example.get("results", [])]
    assert results
    for one in results:
        assert set(one) == {field.name for field in fields(Result)}
    hello = next(one for one in _examples() if "limits" in one)
    with plain_app.test_request_context():
        assert hello["limits"] == limits()


def test_the_protocol_shows_the_rescue_file_as_it_is_read() -> None:
    example = next(one for one in _examples() if "drafts" in one)
    assert set(example) == set(Manifest.__struct_fields__)
    read = msgspec.convert(example, Manifest)
    for shown, kept in zip(
        (*example["ops"], *example["atts"], *example["drafts"]), (*read.ops, *read.atts, *read.drafts), strict=True
    ):
        assert set(shown) == set(kept.__struct_fields__)


def test_the_protocol_names_every_outcome() -> None:
    text = (DOCS / "sync-protocol.md").read_text()
    outcomes = str(Result.__doc__).split("one of")[1].replace(".", "").replace("\n", " ")
    assert [one for one in re.split(r",\s*", outcomes.strip()) if f"| `{one}` |" not in text] == []


# -- the rest ----------------------------------------------------------------------------------------------------


def test_decisions_are_numbered_short_and_complete() -> None:
    index = (DOCS / "adr" / "README.md").read_text()
    files = sorted((DOCS / "adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    for path in files:
        text = path.read_text()
        assert re.findall(r"^## (.+)$", text, re.MULTILINE)[:3] == ["Context", "Decision", "Consequences"], path.name
        assert len(text.splitlines()) < 60, path.name
        assert path.name in index, path.name


def test_the_readme_names_demo_people_that_exist() -> None:
    people = json.loads((ROOT / "fieldapp" / "demo" / "data" / "people.json").read_text())
    known = {one["username"] for one in people["users"]}
    table = (ROOT / "README.md").read_text().split("## Demo log-ins")[1].split("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    said = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert said <= known
    assert set(NAMES) <= {role for one in people["users"] for role in one["roles"] if one["username"] in said}


def test_roles_of_the_reference_are_all_roles() -> None:
    text = (DOCS / "commands.md").read_text()
    said = {role for line in re.findall(r"Roles: (.*?)\.$", text, re.MULTILINE) for role in line.split(", ")}
    assert {"technician", "leader", "finance", "everyone"} <= said
    assert said - {"nobody", "everyone", "system"} <= set(NAMES)
