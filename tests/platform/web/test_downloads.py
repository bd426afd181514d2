"""File names that every system can store."""

from __future__ import annotations

import pytest

from fieldapp.platform.web.downloads import LONGEST, file_name


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (["\u62a5\u9500\u6e05\u5355", "2026-11"], "\u62a5\u9500\u6e05\u5355-2026-11.csv"),
        (['a/b\\c:d*e?f"g<h>i|j'], "a b c d e f g h i j.csv"),
        (["line\nbreak\x00", "  "], "line break.csv"),
        (["turned \u202etxt"], "turned txt.csv"),
        (["con"], "_con.csv"),
        (["NUL.", "x"], "_NUL.-x.csv"),
        (["concert"], "concert.csv"),
        ([" . "], "download.csv"),
        ([], "download.csv"),
        (["x" * 500], "x" * LONGEST + ".csv"),
    ],
)
def test_names(parts: list[str], name: str) -> None:
    assert file_name(parts, "csv") == name
