"""`python -m tests.faults [--long] [--only NAME …] [--write]`: run instruments and print figures; exit 1 on a miss.

`--write` stores the rows of the instruments that ran in docs/reliability.md; other rows stay.
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
    """Return the names of the instruments, sorted."""
    names = (name for _, name, is_package in iter_modules(faults.__path__) if not is_package)
    return sorted(name for name in names if hasattr(import_module(f"tests.faults.{name}"), "run"))


def figures_of(names: list[str], size: Size) -> Iterator[Figure]:
    """Run the instruments one after the other; print each figure as soon as it is measured."""
    for name in names:
        for figure in import_module(f"tests.faults.{name}").run(size):
            sys.stdout.write(f"{figure.cells}\n")
            sys.stdout.flush()
            yield figure


def main() -> int:
    """Return the exit status: 0 if every target was met."""
    names = instruments()
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--long", action="store_true", help="the sizes that are published")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    args = parser.parse_args()
    figures = list(figures_of(args.only, "long" if args.long else "short"))
    if args.write:
        write(figures, f"{datetime.now(UTC):%Y-%m-%d}", machine.facts().rpartition(", load")[0])
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
