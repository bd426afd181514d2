"""Binding a signature to what was signed, and drawing it (D-JOB-12)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: The box in which strokes are given, whatever the size of the screen they were made on.
SIGN_BOX = (600, 200)


def fingerprint(content: Mapping[str, Any]) -> str:
    """SHA-256 over the content in one spelling: sorted keys, no blanks, UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def paths(strokes: Iterable[Sequence[int]] | None) -> list[str]:
    """One SVG path for each stroke; a dot becomes a short line, so that it can be seen."""
    return [_path(stroke) for stroke in strokes or () if len(stroke) > 1]


def _path(stroke: Sequence[int]) -> str:
    points = list(zip(stroke[::2], stroke[1::2], strict=False))
    if len(points) == 1:
        points.append((points[0][0] + 1, points[0][1]))
    return "M" + "L".join(f"{int(x)} {int(y)}" for x, y in points)
