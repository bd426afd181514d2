"""`python -m tests.faults [--long] [--only NAME …] [--write]`: runs instruments and prints their figures; 1 on a miss.

`--write` puts the rows of the instruments that ran into docs/reliability.md; the other rows stay as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules

from benchmarks import machine
from tests import faults
from tests.faults.figures import Figure, Size
from tests.faults.table import write


def instruments() -> list[str]:
    """Names of the modules of this package that can be run, in the order of their names."""
    names = (name for _, name, is_package in iter_modules(faults.__path__) if not is_package)
    return sorted(name for name in names if hasattr(import_module(f"tests.faults.{name}"), "run"))


def figures_of(names: list[str], size: Size) -> Iterator[Figure]:
    """Runs the instruments one after the other; each figure is printed as soon as it stands."""
    for name in names:
        for figure in import_module(f"tests.faults.{name}").run(size):
            sys.stdout.write(f"{figure.cells}\n")
            sys.stdout.flush()
            yield figure


def main() -> int:
    """The exit status: 0 when every target was met."""
    known = instruments()
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--long", action="store_true", help="the sizes that are published")
    parser.add_argument("--only", nargs="+", choices=known, default=known)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    asked = parser.parse_args()
    found = list(figures_of(asked.only, "long" if asked.long else "short"))
    if asked.write:
        write(found, f"{datetime.now(UTC):%Y-%m-%d}", machine.facts().rpartition(", load")[0])
    return 0 if all(figure.met for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
