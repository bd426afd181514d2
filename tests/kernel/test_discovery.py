"""Features are found in their groups, in whatever order folders are read, and none can take another's name."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from fieldapp.kernel import discovery
from fieldapp.platform.extensions import Model
from tests.support.bench import Bench, build_app

ROUTES = "from flask import Blueprint\nbp = Blueprint('{name}', __name__)\n"


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`product({"a/b/__init__.py": "…"})` lays out the package `made` with these files."""

    def lay_out(files: dict[str, str]) -> tuple[str, ...]:
        for name, text in {"__init__.py": "", **files}.items():
            path = tmp_path / "made" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            for folder in path.relative_to(tmp_path).parents[:-1]:
                (tmp_path / folder / "__init__.py").touch()
        return ("made",)

    monkeypatch.syspath_prepend(tmp_path)
    yield lay_out
    for name in [name for name in sys.modules if name.partition(".")[0] == "made"]:
        del sys.modules[name]


def test_features_are_found_in_groups_and_without(product: Any) -> None:
    roots = product({"__init__.py": "GROUPS = ('late', 'early')", "late/a/x.py": "", "early/b/x.py": "", "c/x.py": ""})
    assert discovery.features(roots) == ["made.late.a", "made.early.b", "made.c"]


def test_a_folder_in_no_group_stops_the_start_with_its_name(product: Any) -> None:
    package = "GROUPS = ('field', 'money')\nAPART = ('kernel',)"
    roots = product({"__init__.py": package, "field/a/x.py": "", "kernel/offers.py": ""})
    assert discovery.features(roots) == ["made.field.a"]
    product({"__init__.py": package, "stray/x.py": ""})
    with pytest.raises(RuntimeError, match=r"^made\.stray is in no group: move it into one of field, money$"):
        discovery.features(roots)


SETTING = "from fieldapp.kernel.settings import SettingDef\none = SettingDef('a.b', 1, 0, 2, 'D', 'x')\n"
OFFER = "from fieldapp.kernel.offers import Entry, Offer\noffer = Offer({})\n"


@pytest.mark.parametrize(
    ("layer", "source", "said"),
    [
        ("settings", SETTING, "setting a.b"),
        ("notices", "NOTICES = {'a.b': 'x'}\n", "notice a.b"),
        ("routes", ROUTES.format(name="ab"), "blueprint ab"),
        ("offers", OFFER.format("places={'ab': '/ab/'}"), "places of ab"),
        ("offers", OFFER.format("sees={'ab': lambda actor, one: True}"), "sees of ab"),
        ("offers", OFFER.format("inbox={'ab': lambda ids: {}}"), "inbox of ab"),
        ("offers", OFFER.format("tiles=(Entry('ab', 'x', '/ab', 'a.b'),)"), "tile ab"),
    ],
)
def test_what_two_features_declare_stops_the_start_with_both_names(
    product: Any, tmp_path: Path, layer: str, source: str, said: str
) -> None:
    roots = product({f"first/{layer}.py": source, f"second/{layer}.py": source})
    with pytest.raises(RuntimeError, match=rf"^made\.first and made\.second both declare the {said}$"):
        build_app(tmp_path / "data", roots=roots)


def test_a_command_declared_twice_stops_the_start(product: Any, tmp_path: Path) -> None:
    source = (
        "from marshmallow import Schema\nfrom fieldapp.platform.commandbus.command import command\n"
        "@command('a.b', label='x', schema=Schema, may=lambda actor, one: True)\ndef run(ctx, one, data): ...\n"
    )
    roots = product({"first/commands/one.py": source, "second/commands.py": source})
    with pytest.raises(RuntimeError, match=r"^made\.first and made\.second both declare the command a\.b$"):
        build_app(tmp_path / "data", roots=roots)


def test_a_table_declared_twice_names_both_modules() -> None:
    with pytest.raises(
        RuntimeError, match=r"^fieldapp\.\S*jobs\.models and \S*test_discovery both declare the table job$"
    ):
        type("Other", (Model,), {"__tablename__": "job", "__module__": __name__})


def registry(app: Flask) -> dict[str, Any]:
    """What discovery puts together, with the order in which people see it."""
    bench, offers, seen = Bench(app), app.extensions["offers"], {}
    bench.reset()
    for person in (bench.cast.tech, bench.cast.leader, bench.cast.finance, bench.cast.admin):
        actor = bench.actor(person)
        for place in ("tabs", "tiles", "links"):
            seen[person.username, place] = [entry.key for entry in getattr(offers, place)(actor)]
    names = {name: sorted(app.extensions[name]) for name in ("commands", "settings", "notices")}
    return {**names, "seen": seen, "routes": sorted(str(rule) for rule in app.url_map.iter_rules())}


def test_the_order_in_which_features_are_found_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry(build_app(tmp_path / "sorted"))
    assert len(before["commands"]) > 30
    sorted_features = discovery.features
    for seed in range(3):

        def shuffled(roots: tuple[str, ...], seed: int = seed) -> list[str]:
            found = sorted_features(roots)
            random.Random(seed).shuffle(found)
            return found

        monkeypatch.setattr(discovery, "features", shuffled)
        assert registry(build_app(tmp_path / str(seed))) == before
