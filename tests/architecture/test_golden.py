"""What the product promises and shows is what tests/golden says; whatever differs was meant, or is a mistake."""

from __future__ import annotations

import difflib

import pytest

from tests.support import golden

FILES = sorted(str(path.relative_to(golden.FOLDER)) for path in golden.FOLDER.rglob("*.*"))
#: Of each page, so many lines are named.
NAMED = 8
REFRESH = "If this was meant, run `make golden` and read the difference before committing it."


@pytest.fixture(scope="module")
def made() -> golden.Golden:
    return golden.made()


def kept(name: str) -> str:
    return (golden.FOLDER / name).read_text()


def test_the_golden_files_are_these(made: golden.Golden) -> None:
    assert sorted(made.files) == FILES, REFRESH


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("pages/")])
def test_what_is_promised_is_as_it_was(made: golden.Golden, name: str) -> None:
    before, now = kept(name).splitlines(), made.files[name].splitlines()
    assert list(difflib.unified_diff(before, now, "before", "now", lineterm="", n=1)) == [], REFRESH


@pytest.mark.parametrize("person", golden.PEOPLE)
def test_every_page_is_as_it_was(made: golden.Golden, person: str) -> None:
    before = dict(line.rsplit(" ", 1) for line in kept(f"pages/{person}.txt").splitlines())
    now = made.pages[person]
    assert (sorted(before.keys() - now.keys()), sorted(now.keys() - before.keys())) == ([], []), REFRESH
    known = set(kept("pages/lines.txt").splitlines())
    changed = {
        address: sorted(golden.lines({address: text}) - known)[:NAMED] or ["known lines in another order or number"]
        for address, text in now.items()
        if golden.digest(text) != before[address]
    }
    assert changed == {}, REFRESH


def test_no_page_has_lost_a_line(made: golden.Golden) -> None:
    """What the test above cannot name: lines that are no longer on any page."""
    lines = set(made.files["pages/lines.txt"].splitlines())
    assert sorted(set(kept("pages/lines.txt").splitlines()) - lines) == [], REFRESH
