"""`python -m tests.week [--short]`: plays a week, prints its figure and what happened; 1 on a fault."""

from __future__ import annotations

import sys

from tests.week.play import run


def main() -> int:
    """The exit status: 0 when nothing was lost, doubled, misplaced or untrue."""
    played = run("short" if "--short" in sys.argv[1:] else "long")
    sys.stdout.write(f"{played.figure.cells}\n")
    for line in played.happened:
        sys.stdout.write(f"{line}\n")
    return 0 if played.figure.met else 1


if __name__ == "__main__":
    sys.exit(main())
