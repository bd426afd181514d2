"""A verb without a grant is nobody's, and every grant is of use (D-ROLE-5)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from flask import Flask

from fieldapp.kernel import ids
from fieldapp.kernel.grants import EVERYONE, Grants, join
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.extensions import GRANTS, PROVISIONS
from fieldapp.platform.web.extension_points import MENUS, TILES
from fieldapp.services.accounts.roles import NAMES
from tests.support.bench import Bench, Cast, Person, build_app

ROOT = Path(__file__).resolve().parents[2]
VERBS = {"claim.view", "claim.approve", "finding.add"}


@pytest.fixture(scope="module")
def closed_bench(database: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(build_app(tmp_path_factory.mktemp("closed"), database[1], roots=("fieldapp", "tests.closed")))


def people(cast: Cast) -> Iterator[Person]:
    for field in fields(cast):
        value = getattr(cast, field.name)
        if isinstance(value, Person):
            yield value


@pytest.mark.parametrize(("noun", "page"), [("salary", "/salaries"), ("budget", "/budgets")])
def test_a_verb_that_no_feature_grants_is_nobodys(closed_bench: Bench, noun: str, page: str) -> None:
    """Not even an administrator's, nor, for an approval, the executive's."""
    closed_bench.reset()
    held = set()
    for person in people(closed_bench.cast):
        held |= closed_bench.actor(person).roles
        client = closed_bench.client_of(person)
        assert client.get(page).status_code == 403, person
        assert client.get(f"{page}/list.csv").status_code == 403, person
        assert page not in client.get("/me").text, person
        result = closed_bench.send(person, f"{noun}.approve", (noun, str(ids.uuid7())), {})
        assert (result.outcome, result.code) == ("rejected", "command.not_allowed"), person
    assert held == set(NAMES)


@pytest.mark.parametrize(
    ("declared", "error"),
    [
        ([{"cook": ("claim.view",)}], "unknown role: cook"),
        ([{"leader": ("claim.aprove",)}], "claim.aprove"),
        ([{"leader": ("claim.*",)}], r"claim\.\*"),
        ([{"leader": ("claim.view",)}, {"leader": ("claim.view",)}], "granted twice"),
        ([{"admin": ("claim.approve",)}], "must not be granted"),
        ([{EVERYONE: ("claim.approve",)}], "must not be granted"),
        ([{"quality": ("claim.approve",)}], "nothing but its own findings"),
    ],
)
def test_a_wrong_grant_stops_the_start(declared: list[dict[str, tuple[str, ...]]], error: str) -> None:
    with pytest.raises(RuntimeError, match=error):
        join(declared, tuple(NAMES), VERBS)


def test_roles_add_up_and_unknown_ones_hold_nothing() -> None:
    grants = join(
        [{"leader": ("claim.approve",), EVERYONE: ("claim.view",)}, {"quality": ("finding.add",)}], tuple(NAMES), VERBS
    )
    assert grants.verbs_of(["leader", "quality"]) == VERBS
    assert grants.verbs_of(["technician", "no such role"]) == grants.verbs_of([]) == {"claim.view"}
    assert (grants.roles_with("claim.approve"), grants.roles_with("claim.view")) == (("leader",), (EVERYONE,))


def test_every_verb_is_granted_to_somebody(app: Flask) -> None:
    grants: Grants = GRANTS.of(app)
    asked = {getattr(view, "guard", "public") for view in app.view_functions.values()} - {"public"}
    asked |= {one.value.verb for menu in MENUS for one in PROVISIONS.of(app).of(menu)}
    assert {verb for verb in asked | set(COMMANDS.of(app)) if not grants.roles_with(verb)} == set()


def test_whoever_may_add_something_has_the_page_for_it(app: Flask) -> None:
    grants: Grants = GRANTS.of(app)
    adding = [one.value.verb for one in PROVISIONS.of(app).of(TILES)]
    assert len(adding) > 1
    assert set(grants.roles_with("add.view")) == {role for verb in adding for role in grants.roles_with(verb)}


def test_verbs_that_code_asks_for_exist(app: Flask) -> None:
    """`actor.can("…")` with a verb that is not granted to anybody would be a condition that never holds."""
    grants: Grants = GRANTS.of(app)
    asked = {verb for path in (ROOT / "fieldapp").rglob("*.py") for verb in _asked(ast.parse(path.read_text()))}
    assert len(asked) > 5
    assert {verb for verb in asked if not grants.roles_with(verb)} == set()


def _asked(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "can":
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))
