"""What the page script says stands in the pages that say it: a missing sentence would show as its key."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.bench import Bench

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "static" / "src" / "page"
#: Modules at work only where the outbox or the rescue button is; whatever else they say every page has.
OUTBOX = {
    "outbox-page.ts",
    "outbox-rules.ts",
    "conflict-card.ts",
    "outbox-record.ts",
    "rescue-button.ts",
    "storage-status.ts",
}
_SAID = re.compile(r'(?:\btext\(|\bkey: )\s*"(\w+\.\w+)"')
_TEXT = re.compile(r'data-text="(\w+\.\w+)"')


def said_by(*names: str) -> set[str]:
    return {key for name in names for key in _SAID.findall((PAGE / name).read_text())}


def test_every_page_has_what_any_page_says(bench: Bench) -> None:
    others = [one.name for one in PAGE.glob("*.ts") if one.name not in OUTBOX]
    page = bench.client_of(bench.cast.tech).get("/jobs").text
    assert said_by(*others) - set(_TEXT.findall(page)) == set()
    assert "saved.on_phone" in said_by(*others)


def test_the_outbox_and_the_shell_have_the_rest(bench: Bench) -> None:
    client = bench.client_of(bench.cast.tech)
    for path in ("/outbox", "/offline"):
        found = set(_TEXT.findall(client.get(path).text))
        assert said_by(*OUTBOX) - found == set(), path
    assert "outbox.photos" in said_by(*OUTBOX)
    assert "outbox.photos" not in client.get("/jobs").text
