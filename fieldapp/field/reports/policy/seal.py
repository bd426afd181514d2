"""Binding a signature to what was signed, and drawing it (D-JOB-12)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: The box in which strokes are given, whatever the size of the screen they were made on.
SIGN_BOX = (600, 200)


def fingerprint(content: Mapping[str, Any]) -> str:
    """SHA-256 over the content in one spelling: sorted keys, no blanks, UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def paths(strokes: Iterable[Sequence[int]] | None) -> list[str]:
    """Return one SVG path for each stroke, with the curves that the signer saw; a dot becomes a short line."""
    return [_path(stroke) for stroke in strokes or () if len(stroke) > 1]


def _path(stroke: Sequence[int]) -> str:
    points: list[Point] = [(float(x), float(y)) for x, y in zip(stroke[::2], stroke[1::2], strict=False)]
    start = f"M{_number(points[0])}"
    if len(points) == 1:
        return f"{start}h1"
    # Before the first point and after the last one stands the point itself, as signature_pad begins a stroke.
    around = [points[0], *points, points[-1]]
    return start + "".join(_curve(*around[i : i + 4]) for i in range(len(points) - 1))


Point = tuple[float, float]


def _curve(before: Point, start: Point, end: Point, after: Point) -> str:
    """Return the Bézier curve from `start` to `end`: `Bezier.fromPoints` of signature_pad 5."""
    first = _control_points(before, start, end)[1]
    second = _control_points(start, end, after)[0]
    return f"C{_number(first)} {_number(second)} {_number(end)}"


def _control_points(one: Point, two: Point, three: Point) -> tuple[Point, Point]:
    """Return the control points on both sides of `two`: `Bezier.calculateControlPoints` of signature_pad 5."""
    middle1 = ((one[0] + two[0]) / 2, (one[1] + two[1]) / 2)
    middle2 = ((two[0] + three[0]) / 2, (two[1] + three[1]) / 2)
    length1, length2 = math.dist(one, two), math.dist(two, three)
    k = length2 / (length1 + length2) if length1 + length2 else 0.0
    shift = tuple(two[n] - (middle2[n] + (middle1[n] - middle2[n]) * k) for n in (0, 1))
    return (middle1[0] + shift[0], middle1[1] + shift[1]), (middle2[0] + shift[0], middle2[1] + shift[1])


def _number(point: Point) -> str:
    return " ".join(f"{value:.1f}".removesuffix(".0") for value in point)
