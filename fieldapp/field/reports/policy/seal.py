"""The hash that binds a signature to its content, and the drawing of a signature (D-JOB-12)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: Width and height of the box that strokes are scaled to, whatever the screen.
SIGN_BOX = (600, 200)


def fingerprint(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the content's canonical JSON: sorted keys, no blanks, UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def signature_paths(strokes: Iterable[Sequence[int]] | None) -> list[str]:
    """Return one SVG path for each stroke, with the curves that the signer saw. A dot becomes a short line."""
    return [_path(stroke) for stroke in strokes or () if len(stroke) > 1]


def _path(stroke: Sequence[int]) -> str:
    points: list[Point] = [(float(x), float(y)) for x, y in zip(stroke[::2], stroke[1::2], strict=False)]
    start = f"M{_number(points[0])}"
    if len(points) == 1:
        return f"{start}h1"
    # First and last point are repeated, as signature_pad does at the ends of a stroke.
    around = [points[0], *points, points[-1]]
    return start + "".join(_curve(*around[i : i + 4]) for i in range(len(points) - 1))


Point = tuple[float, float]


def _curve(before: Point, start: Point, end: Point, after: Point) -> str:
    """Return the Bézier curve from `start` to `end`: `Bezier.fromPoints` of signature_pad 5."""
    first = _control_points(before, start, end)[1]
    second = _control_points(start, end, after)[0]
    return f"C{_number(first)} {_number(second)} {_number(end)}"


def _control_points(previous: Point, point: Point, following: Point) -> tuple[Point, Point]:
    """Return the control points on both sides of `point`: `Bezier.calculateControlPoints` of signature_pad 5."""
    middle_before = ((previous[0] + point[0]) / 2, (previous[1] + point[1]) / 2)
    middle_after = ((point[0] + following[0]) / 2, (point[1] + following[1]) / 2)
    length_before, length_after = math.dist(previous, point), math.dist(point, following)
    k = length_after / (length_before + length_after) if length_before + length_after else 0.0
    shift = tuple(point[n] - (middle_after[n] + (middle_before[n] - middle_after[n]) * k) for n in (0, 1))
    return (middle_before[0] + shift[0], middle_before[1] + shift[1]), (
        middle_after[0] + shift[0],
        middle_after[1] + shift[1],
    )


def _number(point: Point) -> str:
    return " ".join(f"{value:.1f}".removesuffix(".0") for value in point)
