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
from fieldapp.kernel.extension_points import Provisions
from fieldapp.platform.extensions import PROVISIONS, ExtensionPoint, KeyedPoint, Model, db
from fieldapp.platform.web.extension_points import MENUS, pack
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
    roots = product({"__init__.py": package, "field/a/x.py": "", "kernel/manifest.py": ""})
    assert discovery.features(roots) == ["made.field.a"]
    product({"__init__.py": package, "stray/x.py": ""})
    with pytest.raises(RuntimeError, match=r"^made\.stray is in no group: move it into one of field, money$"):
        discovery.features(roots)


SETTING = "from fieldapp.kernel.settings import SettingDef\none = SettingDef('a.b', 1, 0, 2, 'D', 'x')\n"
MANIFEST = (
    "from fieldapp.kernel.manifest import FeatureManifest\nfrom fieldapp.platform.web.extension_points import *\n"
    "from fieldapp.services.approvals import INBOX_CARDS\nmanifest = FeatureManifest(provides=({},))\n"
)


@pytest.mark.parametrize(
    ("layer", "source", "said"),
    [
        ("settings", SETTING, "setting a.b"),
        ("notices", "NOTICES = {'a.b': 'x'}\n", "notice a.b"),
        ("routes", ROUTES.format(name="ab"), "blueprint ab"),
        ("manifest", MANIFEST.format("DETAIL_URLS.by('ab', '/ab/')"), "detail address of ab"),
        ("manifest", MANIFEST.format("AUTHOR_URLS.by('ab', '/ab/')"), "author's address of ab"),
        ("manifest", MANIFEST.format("CAN_VIEW.by('ab', lambda actor, one: True)"), "view rule of ab"),
        ("manifest", MANIFEST.format("INBOX_CARDS.by('ab', lambda ids: {})"), "inbox card of ab"),
        ("manifest", MANIFEST.format("TABS.by(Entry('ab', 'x', '/ab', 'a.b'))"), "tab ab"),
        ("manifest", MANIFEST.format("TILES.by(Entry('ab', 'x', '/ab', 'a.b'))"), "tile ab"),
        ("manifest", MANIFEST.format("LINKS.by(Entry('ab', 'x', '/ab', 'a.b'))"), "link ab"),
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
    bench, seen = Bench(app), {}
    bench.reset()
    with app.test_request_context():
        for person in (bench.cast.tech, bench.cast.leader, bench.cast.finance, bench.cast.admin):
            actor = bench.actor(person)
            for menu in MENUS:
                seen[person.username, menu.name] = [entry.key for entry in menu.open_to(actor)]
            seen[person.username, "pack"] = pack(actor)
        provisions = PROVISIONS.of(app)
        points = {point.name: [(one.feature, one.key) for one in provisions.of(point)] for point in provisions.points()}
        db.session.remove()
    names = {name: sorted(app.extensions[name]) for name in ("commands", "settings", "notices")}
    return {**names, "seen": seen, "points": points, "routes": sorted(str(rule) for rule in app.url_map.iter_rules())}


def test_the_order_in_which_features_are_found_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry(build_app(tmp_path / "sorted"))
    assert len(before["commands"]) > 30
    assert {"tab", "offline pages", "job panels", "inbox card of", "checks", "demo data"} <= set(before["points"])
    sorted_features = discovery.features
    for seed in range(3):

        def shuffled(roots: tuple[str, ...], seed: int = seed) -> list[str]:
            found = sorted_features(roots)
            random.Random(seed).shuffle(found)
            return found

        monkeypatch.setattr(discovery, "features", shuffled)
        assert registry(build_app(tmp_path / str(seed))) == before


def test_what_is_provided_comes_in_the_order_that_is_declared() -> None:
    words: ExtensionPoint[str] = ExtensionPoint("words")
    declared = [
        ("z.apple", [words.by("late", order=60), words.by("first")]),
        ("a.pear", [words.by("third"), words.by("fourth")]),
        ("b.apple", [words.by("zeroth", order=10), words.by("second")]),
    ]
    for found in (declared, declared[::-1]):
        values = [(one.feature, one.value) for one in Provisions(found).of(words)]
        assert values == [
            *(("b.apple", "zeroth"), ("b.apple", "second"), ("z.apple", "first")),
            *(("a.pear", "third"), ("a.pear", "fourth"), ("z.apple", "late")),
        ]


def test_a_point_that_nobody_provides_for_is_empty() -> None:
    words: KeyedPoint[str] = KeyedPoint("words of")
    assert (Provisions([]).of(words), Provisions([]).by_key(words)) == ((), {})


def test_a_feature_has_one_manifest(product: Any, tmp_path: Path) -> None:
    source = "from fieldapp.kernel.manifest import FeatureManifest\none, two = FeatureManifest(), FeatureManifest()\n"
    with pytest.raises(RuntimeError, match=r"^made\.first has more than one manifest$"):
        build_app(tmp_path / "data", roots=product({"first/manifest.py": source}))
