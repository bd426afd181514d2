"""Fields to data: the same cases bind the server's function and the phone's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fieldapp.platform.web.formdata import to_data

CASES = json.loads((Path(__file__).parents[2] / "fixtures" / "form-data.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.get("name", "")[:40])
def test_the_same_as_on_the_phone(case: dict) -> None:
    assert to_data([tuple(pair) for pair in case["pairs"]]) == case["data"]
