"""Check that every rule id named in the repository is defined exactly once in docs/rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docs" / "rules"
CHAPTERS = sorted(RULES.glob("[0-9][0-9]-*.md"))
FOLDERS = ("fieldapp", "templates", "static/src", "tests", "scripts", "docs")
ENDINGS = frozenset({".css", ".html", ".json", ".md", ".mjs", ".po", ".py", ".sh", ".toml", ".ts", ".txt"})

RULE_ID = re.compile(r"\bD-[A-Z]+-[0-9]+\b")
DEFINITION = re.compile(r"\*\*(D-[A-Z]+-[0-9]+)\b")


def defined_ids() -> list[str]:
    """Return the id of every paragraph that begins with a bold rule id, with repetitions."""
    paragraphs = [one for path in CHAPTERS for one in re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))]
    return [match[1] for one in paragraphs if (match := DEFINITION.match(one.strip()))]


def text_files() -> Iterator[Path]:
    """Yield the text files of FOLDERS, docs/rules included."""
    for folder in FOLDERS:
        yield from (path for path in sorted((ROOT / folder).rglob("*")) if path.suffix in ENDINGS)


def test_every_rule_named_in_the_repository_is_defined() -> None:
    defined = set(defined_ids())
    undefined: dict[str, set[str]] = {}
    for path in text_files():
        for rule in set(RULE_ID.findall(path.read_text(encoding="utf-8"))) - defined:
            undefined.setdefault(rule, set()).add(str(path.relative_to(ROOT)))
    assert undefined == {}


def test_every_rule_is_defined_once() -> None:
    repeated = [rule for rule, count in Counter(defined_ids()).items() if count > 1]
    assert repeated == []


def test_bold_rule_ids_stand_only_at_the_start_of_a_paragraph() -> None:
    """A definition inside a list or a longer paragraph would not be found by `defined_ids`."""
    bold = Counter(rule for path in CHAPTERS for rule in DEFINITION.findall(path.read_text(encoding="utf-8")))
    assert bold - Counter(defined_ids()) == Counter()


def test_index_links_every_chapter_and_nothing_else() -> None:
    linked = set(re.findall(r"\]\(([0-9]{2}-[\w-]+\.md)\)", (RULES / "README.md").read_text(encoding="utf-8")))
    assert linked == {path.name for path in CHAPTERS}
