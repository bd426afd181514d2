"""What does not apply is hidden by the server's page: the same cases bind the server's rule and the phone's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fieldapp.kernel import ids
from fieldapp.platform.web import fields as f
from fieldapp.platform.web.controls import controls, switch_off
from fieldapp.platform.web.show_when import holds
from fieldapp.supply.parts.schemas import NOT_IN_CATALOGUE
from tests.support.bench import Bench

CASES = json.loads((Path(__file__).parents[2] / "fixtures" / "show-when.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_same_as_on_the_phone(case: dict) -> None:
    assert holds(case["rule"], case["values"]) is case["shown"]


class Row(f.Form):
    part = f.choice("Part", [("known", "Known"), ("other", "Other")])
    name = f.text("Name", show_when="part=other")


class Sheet(f.Form):
    result = f.choice("Result", [("done", "Done"), ("again", "Again")])
    why = f.text("Why", show_when="result=again")
    more = f.text("More", show_when="why")
    ready = f.flag("Ready")
    unready = f.text("Why not", show_when="ready!=true")
    lines = f.rows("Lines", Row)


def _off(values: dict) -> set[str]:
    made = controls(Sheet(), values, {}, {})
    switch_off(made)
    rows = [cell for one in made for row in one.rows for cell in row]
    return {one.name for one in [*made, *rows] if one.off}


def test_follows_the_values_that_are_shown() -> None:
    assert _off({}) == {"why", "more", "lines.0.name"}
    assert _off({"result": "again"}) == {"more", "lines.0.name"}
    assert _off({"result": "again", "why": "x", "ready": True}) == {"unready", "lines.0.name"}
    assert _off({"lines": [{"part": "known"}, {"part": "other"}]}) == {"why", "more", "lines.0.name"}


def test_what_is_hidden_itself_decides_nothing() -> None:
    assert _off({"result": "done", "why": "left over"}) == {"why", "more", "lines.0.name"}


def test_a_blank_row_hides_what_does_not_apply_to_it() -> None:
    made = controls(Sheet(), {}, {}, {})
    switch_off(made)
    assert [(one.name, one.off) for one in made[-1].blank_row] == [
        ("lines.__i__.part", False),
        ("lines.__i__.name", True),
    ]


def _marks(text: str) -> dict[str, bool]:
    """Each rule of the page, and whether the server hid what hangs on it."""
    return {rule: bool(off) for rule, off in re.findall(r'data-show-when="([^"]+)"( data-off)?', text)}


def test_the_page_comes_with_its_hidden_parts_marked(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    marks = _marks(client.get("/parts/new").text)
    assert marks
    assert all(marks.values())
    line = {"lines.0.part_id": NOT_IN_CATALOGUE}
    again = client.post("/parts/new", data={"_op": str(ids.uuid7()), "id": str(ids.uuid7()), **line})
    assert again.status_code == 422
    marks = _marks(again.text)
    assert [rule for rule, off in marks.items() if not off] == [f"lines.0.part_id={NOT_IN_CATALOGUE}"]
