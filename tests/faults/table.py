"""Published table in docs/reliability.md: one row per figure, with the day and machine of the measurement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.faults.figures import Figure

DOC = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
HEAD = "| figure | what was done | measured | target | | seed | measured on |\n|---|---|---|---|---|---|---|"


def merged(text: str, figures: Sequence[Figure], when: str, where: str) -> str:
    """Return `text` with the rows of `found` in its table, sorted by key; rows of other figures stay."""
    start, _, rest = text.partition(BEGIN)
    body, _, end = rest.partition(END)
    rows = {row.split("|")[1].strip(): row for row in re.findall(r"^\| \d.*$", body, re.MULTILINE)}
    rows |= {figure.key: f"{figure.cells} {when}, {where} |" for figure in figures}
    table = "\n".join([HEAD, *(rows[key] for key in sorted(rows))])
    return f"{start}{BEGIN}\n{table}\n{END}{end}"


def write(figures: Sequence[Figure], when: str, where: str) -> None:
    """Write the figures into the page."""
    DOC.write_text(merged(DOC.read_text(), figures, when, where))
