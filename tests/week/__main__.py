"""`python -m tests.week [--short] [--write]`: plays a week, prints its figure and what happened; 1 on a fault.

`--write` puts the figure into docs/reliability.md.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from benchmarks import machine
from tests.faults.table import write
from tests.week.play import run


def main() -> int:
    """The exit status: 0 when nothing was lost, doubled, misplaced or untrue."""
    played = run("short" if "--short" in sys.argv[1:] else "long")
    sys.stdout.write(f"{played.figure.cells}\n")
    for line in played.happened:
        sys.stdout.write(f"{line}\n")
    if "--write" in sys.argv[1:]:
        write([played.figure], f"{datetime.now(UTC):%Y-%m-%d}", machine.facts().rpartition(", load")[0])
    return 0 if played.figure.met else 1


if __name__ == "__main__":
    sys.exit(main())
