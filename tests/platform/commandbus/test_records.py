"""How commands load and create their records: one way for all features (ADR 41)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from fieldapp.kernel import ids
from fieldapp.kernel.policies import author_only, author_or_new
from fieldapp.money.expenses.models import ExpenseItem
from fieldapp.platform.commandbus.command import COMMANDS
from fieldapp.platform.extensions import db
from tests.support.bench import Bench

ROOT = Path(__file__).resolve().parents[3]
#: Creating commands that a phone or a form sends: record type, and data that is valid but for the id.
CREATING = {
    "expense_item.capture": ("expense_item", {"kind": "taxi", "amount": "10.00"}),
    "list_view.save": ("list_view", {"list": "jobs", "name": "Mine", "shared_with": "me", "query": ""}),
}


def _command_functions() -> list[tuple[Path, ast.FunctionDef]]:
    paths = [*ROOT.glob("fieldapp/*/*/commands.py"), *ROOT.glob("fieldapp/*/*/commands/*.py")]
    trees = [(path, ast.parse(path.read_text())) for path in paths]
    return [(path, node) for path, tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_no_command_has_a_loader_of_its_own_for_a_record_by_its_id() -> None:
    copies = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path, node in _command_functions()
        if len(node.body) == 1
        and isinstance(node.body[0], ast.Return)
        and isinstance(call := node.body[0].value, ast.Call)
        and ast.unparse(call.func) in {"ctx.load", "ctx.find"}
    ]
    assert copies == []


def test_no_command_compares_the_ids_of_form_and_envelope_itself() -> None:
    copies = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path, node in _command_functions()
        if any(
            isinstance(one, ast.Compare) and {"data['id']", "ctx.id"} == {ast.unparse(part) for part in _sides(one)}
            for one in ast.walk(node)
        )
    ]
    assert copies == []


def _sides(compare: ast.Compare) -> list[ast.expr]:
    return [compare.left, *compare.comparators]


@pytest.mark.parametrize("kind", CREATING)
def test_create_with_another_id_than_the_envelope_is_refused(bench: Bench, kind: str) -> None:
    agg, data = CREATING[kind]
    schema = bench.app.extensions["commands"][kind].version
    sent = bench.send(bench.cast.leader, kind, (agg, str(ids.uuid7())), {**data, "id": str(ids.uuid7())}, schema=schema)
    assert (sent.outcome, sent.code, set(sent.problems)) == ("rejected", "record.wrong_id", {"id"})


@pytest.mark.parametrize("kind", CREATING)
def test_create_of_a_stored_record_is_a_conflict(bench: Bench, kind: str) -> None:
    agg, data = CREATING[kind]
    record = str(ids.uuid7())
    outcomes = [bench.send(bench.cast.leader, kind, (agg, record), {**data, "id": record}) for _ in range(2)]
    assert [(one.outcome, one.code) for one in outcomes] == [("accepted", None), ("conflict", "record.exists")]


def test_policy_of_authors_is_asked_on_the_loaded_record(bench: Bench) -> None:
    record = str(ids.uuid7())
    data = {**CREATING["expense_item.capture"][1], "id": record}
    bench.send(bench.cast.tech, "expense_item.capture", ("expense_item", record), data)
    refused = bench.send(bench.cast.tech2, "expense_item.discard", ("expense_item", record), {})
    assert (refused.outcome, refused.code) == ("rejected", "record.not_allowed")
    missing = bench.send(bench.cast.tech, "expense_item.discard", ("expense_item", str(ids.uuid7())), {})
    assert (missing.outcome, missing.code) == ("rejected", "record.not_found")
    assert bench.send(bench.cast.tech, "expense_item.discard", ("expense_item", record), {}).outcome == "accepted"
    with bench.app.app_context():
        assert db.session.get_one(ExpenseItem, record).state == "discarded"
        assert "expense_item.discard" in COMMANDS()
        db.session.remove()


def test_author_policies_allow_the_author_only(bench: Bench) -> None:
    own, other = bench.actor(bench.cast.tech), bench.actor(bench.cast.tech2)
    item = ExpenseItem(owner_id=own.id)
    assert [author_only("owner_id")(who, item) for who in (own, other)] == [True, False]
    assert [author_or_new("owner_id")(who, item) for who in (own, other)] == [True, False]
    assert author_or_new("owner_id")(other, None)
