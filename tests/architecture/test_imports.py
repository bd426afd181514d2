"""A feature is imported through its package: what others use of it stands in its `__init__.py`."""

from __future__ import annotations

from pathlib import Path

import grimp
import pytest

from fieldapp.config import Config
from fieldapp.kernel.discovery import features

#: Imports past a feature's package, `importer -> module`. The list may only become shorter.
KNOWN = Path(__file__).with_name("deep_imports.txt")
#: No features in this sense: everybody uses their modules, and `pyproject.toml` says in which direction.
OPEN = (
    "fieldapp.platform.commandbus",
    "fieldapp.platform.database",
    "fieldapp.demo",
    "fieldapp.platform.search",
    "fieldapp.kernel",
    "fieldapp.platform.offline",
    "fieldapp.platform.serving",
    "fieldapp.platform.sync",
    "fieldapp.platform.web",
)
#: They put the application together and may look into everything.
COMPOSERS = frozenset({"fieldapp", "fieldapp.wiring"})
#: How many exceptions there were when the rule began to hold. Lower it with the list, never raise it.
MOST = 35


@pytest.fixture(scope="module")
def deep() -> set[str]:
    """Every import of a module of a feature from outside of the feature."""
    graph = grimp.build_graph("fieldapp")
    owned = {
        module: feature
        for feature in features(Config().feature_roots)
        if feature not in OPEN
        for module in graph.find_descendants(feature)
    }
    return {
        f"{importer} -> {module}"
        for module, feature in owned.items()
        for importer in graph.find_modules_that_directly_import(module)
        if importer != feature and importer not in COMPOSERS and not importer.startswith(f"{feature}.")
    }


def test_features_are_imported_through_their_packages(deep: set[str]) -> None:
    known = set(KNOWN.read_text().splitlines())
    assert sorted(deep - known) == [], "import it from the feature's package"


def test_the_list_of_exceptions_only_shrinks(deep: set[str]) -> None:
    lines = KNOWN.read_text().splitlines()
    assert lines == sorted(set(lines))
    assert sorted(set(lines) - deep) == [], "take these out of the list"
    assert len(lines) <= MOST
