"""Make a new feature of the sample in tests/sample/tool_loans: `make feature n=money/cash_advance`.

The sample is a feature with form, approval, notices, list, files, offline pages and tests. Its names are replaced.
The folder lands in its group, templates and tests in theirs, and a migration with the next number creates its table.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from fieldapp import GROUPS  # noqa: E402
from scripts import migration  # noqa: E402

SAMPLE = ROOT / "tests" / "sample" / "tool_loans"
#: What stays to be done by hand; docs/adding-a-feature.md says how.
REST = """Next: change fields and rules, then the migration with them (delete it and `make migration`).
      `make translations` and the Chinese of the new messages, a line for each command in tests/support/envelopes.py,
      the own work in tests/platform/commandbus/test_own_work.py, `make reference`, `make golden`."""


def plural(noun: str) -> str:
    """Return the plural of the last word of a noun in snake case."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if re.search(r"[^aeiou]y$", noun) else f"{noun}s"


def replacements(group: str, noun: str) -> list[tuple[str, str]]:
    """Return what stands for the names of the sample, the longest first."""
    many = plural(noun)
    words = noun.replace("_", " ")
    return [
        ("tests.sample.tool_loans", f"fieldapp.{group}.{many}"),
        (', template_folder="templates"', ""),
        ("sample_tool_loan", noun),
        ('"tool_loans/', f'"{group}/{many}/'),
        ("tool_loans", many),
        ("tool_loan", noun),
        ("tool-loans", many.replace("_", "-")),
        ("TOOL_LOAN", noun.upper()),
        ("ToolLoan", "".join(part.capitalize() for part in noun.split("_"))),
        ("Tool loans", plural(words).capitalize()),
        ("Tool loan", words.capitalize()),
    ]


def targets(group: str, noun: str) -> dict[Path, Path]:
    """Return the new path of every file of the sample."""
    many = plural(noun)
    found = {}
    for path in sorted(SAMPLE.rglob("*.*")):
        if path.suffix == ".html":
            found[path] = ROOT / "templates" / group / many / path.name
        elif path.name.startswith("test_"):
            found[path] = ROOT / "tests" / group / many / f"test_{many}.py"
        elif path.suffix == ".py":
            found[path] = ROOT / "fieldapp" / group / many / path.name
    return found


def checked(name: str) -> tuple[str, str]:
    """Return group and noun of `group/noun`. Raise ValueError with what is wrong."""
    group, _, noun = name.partition("/")
    if group not in GROUPS:
        raise ValueError(f"{group!r} is no group: one of {', '.join(GROUPS)}")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", noun):
        raise ValueError(f"{noun!r}: a noun in snake case, as in money/cash_advance")
    taken = [path for path in targets(group, noun).values() if path.exists()]
    if taken:
        raise ValueError(f"{taken[0].relative_to(ROOT)} exists already")
    return group, noun


def make(group: str, noun: str) -> list[Path]:
    """Write the files of the feature, its layer in the import contract and its migration. Return what was written."""
    written = []
    for source, target in targets(group, noun).items():
        text = source.read_text()
        for before, after in replacements(group, noun):
            text = text.replace(before, after)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        written.append(target)
    package = ROOT / "tests" / group / plural(noun) / "__init__.py"
    package.touch()
    add_layer(group, plural(noun))
    # Imports are sorted by the new names.
    python = [str(path) for path in written if path.suffix == ".py"]
    for command in (["check", "-q", "--fix-only", "--select", "I"], ["format", "-q"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *python], cwd=ROOT, check=True)
    return [*written, package, migration.write(f"{plural(noun).replace('_', ' ')}")]


def add_layer(group: str, feature: str) -> None:
    """Add the feature on top of its group's import contract in pyproject.toml."""
    path = ROOT / "pyproject.toml"
    text = path.read_text()
    start = text.index("layers = [", text.index(f'containers = ["fieldapp.{group}"]')) + len("layers = [")
    separator = "\n    " if text[start] == "\n" else ""
    path.write_text(f'{text[:start]}{separator}"{feature}",{"" if separator else " "}{text[start:]}')


if __name__ == "__main__":
    try:
        made = make(*checked(sys.argv[1] if len(sys.argv) == 2 else ""))
    except ValueError as error:
        sys.exit(f"{error}\nusage: make feature n=money/cash_advance")
    for path in made:
        print(path.relative_to(ROOT))
    print(REST)
