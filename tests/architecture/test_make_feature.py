"""`make feature`: the sample under other names, in a copy of the project, starts and passes its own tests (ADR 41)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import feature, migration

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "sample" / "tool_loans"
COPIED = ("fieldapp", "migrations", "scripts", "static", "templates", "tests")


def _run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of the project with a new feature, and what the script said."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__", "golden", "images", "*.map")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "wsgi.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder, _run(folder, "scripts/feature.py", "money/cash_advance")


def test_new_feature_passes_its_own_tests_and_the_checks(made: tuple[Path, str]) -> None:
    folder, said = made
    written = [line for line in said.splitlines() if line.endswith((".py", ".html"))]
    assert all((folder / name).is_file() for name in written)
    passed = _run(folder, "-m", "pytest", "-q", "--databases", "sqlite", "tests/money/cash_advances")
    assert re.search(r"\.{6,}", passed)
    python = [name for name in written if name.endswith(".py") and not name.startswith("migrations/")]
    _run(folder, "-m", "ruff", "check", *python)
    _run(folder, "-m", "ruff", "format", "--check", *python)
    for name in written:
        assert not re.search("tool.loan|tests.sample", (folder / name).read_text(), re.I), name


def test_new_feature_has_the_next_migration_and_the_models_equal_the_schema(made: tuple[Path, str]) -> None:
    folder, said = made
    number = migration.next_number()
    (path,) = (folder / "migrations" / "versions").glob(f"*_{number}_cash_advances.py")
    assert path.name in said
    assert f'down_revision = "{int(number) - 1:04d}"' in path.read_text()
    assert 'create_table(\n        "cash_advance"' in path.read_text()
    assert (folder / "pyproject.toml").read_text().count('"cash_advances"') == 1
    assert "unbound" not in _run(
        folder, "-m", "pytest", "-q", "--databases", "sqlite", "tests/migrations/test_migrations.py"
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("cash_advance", "is no group"),
        ("nowhere/cash_advance", "is no group"),
        ("money/CashAdvance", "snake case"),
        ("money/", "snake case"),
        ("money/../x", "snake case"),
        ("money/expense", "exists already"),
    ],
)
def test_name_that_does_not_fit_is_refused_before_anything_is_written(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        feature.checked(name)


def test_two_migrations_after_the_same_one_give_no_next_number(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('revision = "0001"\ndown_revision = None\n')
    for number in (2, 3):
        (tmp_path / f"{number}.py").write_text(f'revision = "000{number}"\ndown_revision = "0001"\n')
    with pytest.raises(RuntimeError, match="two migrations follow 0001"):
        migration.next_number(tmp_path)
    (tmp_path / "3.py").unlink()
    assert migration.next_number(tmp_path) == "0003"


def test_sample_with_approval_list_and_notices_has_at_most_150_lines() -> None:
    files = [path for path in SAMPLE.rglob("*.*") if path.suffix in {".py", ".html"} and "test_" not in path.name]
    lines = [line for path in files for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) <= 150
