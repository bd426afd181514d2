"""What the repository calls by its name is there: modules, files and templates, in code, comments, docs and scripts."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import nodes
from jinja2.meta import find_referenced_templates

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("fieldapp", "templates", "tests", "static/src", "static/css", "scripts", "benchmarks", "migrations", "docs")
ENDINGS = frozenset({".py", ".html", ".ts", ".mjs", ".css", ".md", ".sh", ".toml", ".mako", ".ini"})
MADE_LATER = ("static/dist/", "docs/images/")
#: Files, keys of a request and a logger of a test that are called like modules.
NO_MODULES = frozenset({f"fieldapp.{name}" for name in ("sqlite3", "dump", "page", "refused", "test")})
#: These lay out files of their own.
OWN_FILES = frozenset({"tests/architecture/test_names.py", "tests/kernel/test_discovery.py"})

DOTTED = re.compile(r"(?<![\w./-])fieldapp(?:\.[A-Za-z_]\w*)+")
PATH = re.compile(r"(?<![\w./<>*{}-])((?:[a-z_]\w*/)+[\w-]+\.(?:py|html|ts|mjs|css|sh))\b(?![<*{])")


def sources() -> Iterator[Path]:
    """Every text file of the repository but the frozen and the golden ones, which say what was."""
    yield from (ROOT / name for name in ("README.md", "Makefile", "pyproject.toml", "package.json", "wsgi.py"))
    yield ROOT / "static" / "build.mjs"
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in ENDINGS and not {"golden", "fixtures"} & set(path.relative_to(ROOT).parts):
                yield path


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module or stands in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for name in parts[length:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_every_dotted_name_of_the_product_resolves() -> None:
    said = {
        (str(path.relative_to(ROOT)), name)
        for path in sources()
        for name in DOTTED.findall(path.read_text())
        if name not in NO_MODULES
    }
    assert len(said) > 500
    known = {name: resolves(name) for _, name in said}
    assert sorted(one for one in said if not known[one[1]]) == []


def test_every_path_leads_to_a_file() -> None:
    """From the top of the repository, from the file itself, or short from one of the folders that hold code."""
    tops = ("", "fieldapp", "templates", "static/src", "static", "tests", "tests/sample/tool_checks/templates", "docs")
    tops = (*tops, "tests/sample/tool_loans/templates")
    walked, gone = 0, []
    for path in (one for one in sources() if str(one.relative_to(ROOT)) not in OWN_FILES):
        for name in set(PATH.findall(path.read_text())):
            walked += 1
            places = (path.parent, *(ROOT / top for top in tops))
            if not name.startswith(MADE_LATER) and not any((place / name).exists() for place in places):
                gone.append((str(path.relative_to(ROOT)), name))
    assert walked > 300
    assert sorted(gone) == []


def test_every_template_that_code_draws_is_there(session_app: Flask) -> None:
    known = set(session_app.jinja_env.list_templates())
    said = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "fieldapp").rglob("*.py")
        for name in re.findall(r"""["']([\w/]+\.html)["']""", path.read_text())
    }
    assert len(said) > 50
    assert sorted(one for one in said if one[1] not in known) == []


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_every_template_that_a_template_names_is_there(session_app: Flask, path: Path) -> None:
    env = session_app.jinja_env
    tree = env.parse(path.read_text())
    said = {name for name in find_referenced_templates(tree) if name is not None}
    said |= {
        one.value for one in tree.find_all(nodes.Const) if isinstance(one.value, str) and one.value.endswith(".html")
    }
    assert sorted(said - set(env.list_templates())) == []
