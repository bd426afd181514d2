"""`python -m benchmarks [name …] [--full] [--write]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine
from benchmarks.harness import Row, table

NAMES = ("weight", "paint", "tap", "push", "pages", "export", "growth", "memory")
DOC = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"


def main(words: Sequence[str] | None = None) -> int:
    """Runs what was asked for; exit status 1 where a budget does not hold."""
    asked = asked_for(words)
    before = f"{machine.facts()}; before the run others used {machine.busy():.0f} % of the cores"
    print(before, flush=True)
    results: dict[str, list[Row]] = {}
    for name in asked.names or NAMES:
        start = time.perf_counter()
        results[name] = run_one(name, asked.full)
        print(f"\n{name} ({time.perf_counter() - start:.0f} s)\n{table(results[name])}", flush=True)
    after = f"after it {machine.busy():.0f} %"
    print(f"\n{after}")
    rows = [row for name in results for row in results[name]]
    over = [row for row in rows if row.holds is False]
    print(f"\n{len(over)} of {sum(row.holds is not None for row in rows)} budgets do not hold")
    if asked.write:
        write(rows, f"{datetime.now(UTC):%Y-%m-%d}{', full sizes' if asked.full else ''}. {before}, {after}.")
    return 1 if over else 0


def run_one(name: str, full: bool) -> list[Row]:
    """One benchmark; one that breaks is a row that does not hold, and the others go on."""
    try:
        rows: list[Row] = importlib.import_module(f"benchmarks.{name}").run(full)
    except Exception as error:
        traceback.print_exc()
        return [Row(name, f"broke: {type(error).__name__}", "", False)]
    return rows


def asked_for(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(NAMES)}; all of them where none is given")
    parser.add_argument("--full", action="store_true", help="the sizes of the budgets: takes some minutes more")
    parser.add_argument("--write", action="store_true", help="write the results into docs/performance.md")
    found = parser.parse_args(words)
    if unknown := set(found.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return found


def write(rows: list[Row], when: str) -> None:
    """Puts the results between the marks of the document, instead of the last ones."""
    text = DOC.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOC.write_text(f"{head}{BEGIN}\n{when}\n\n{table(rows)}\n{END}{tail}")


if __name__ == "__main__":
    sys.exit(main())
