"""Extension points: typed questions that one part of the application asks all features (docs/adr/0033).

The package that asks declares the point, and a feature's manifest says what it provides for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from fieldapp.kernel.discovery import each_once

Value = TypeVar("Value")


class Point(Generic[Value]):
    """A question with a name and the type of what answers it."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(frozen=True, eq=False)
class Provided(Generic[Value]):
    """What a feature provides for a point. A key, where there is one, is given once in the whole application."""

    point: Point[Value]
    value: Value
    key: str = ""
    order: int = 50


class Provision(NamedTuple, Generic[Value]):
    """What is provided, with the feature that does."""

    feature: str
    key: str
    value: Value


class Provisions:
    """What all features provide, by point.

    The order is the one that was declared, then by key, then by the name of the feature: it does not depend on the
    order in which features were found. Raise RuntimeError naming both features where a key is provided twice.
    """

    def __init__(self, declared: Iterable[tuple[str, Iterable[Provided[Any]]]]) -> None:
        by_point: dict[Point[Any], list[tuple[str, Provided[Any]]]] = {}
        for feature, provided in declared:
            for one in provided:
                by_point.setdefault(one.point, []).append((feature, one))
        self._in_order = {point: _in_order(found) for point, found in by_point.items()}
        self._by_key = {point: _by_key(point, found) for point, found in self._in_order.items()}

    def of(self, point: Point[Value]) -> tuple[Provision[Value], ...]:
        """Return everything that is provided for `point`, in order."""
        return self._in_order.get(point, ())

    def points(self) -> Iterable[Point[Any]]:
        """Return the points for which anything is provided."""
        return self._in_order

    def by_key(self, point: Point[Value]) -> Mapping[str, Value]:
        """Return what is provided for `point` under a key."""
        return self._by_key.get(point, {})


def _in_order(found: list[tuple[str, Provided[Any]]]) -> tuple[Provision[Any], ...]:
    def place(one: tuple[str, Provided[Any]]) -> tuple[int, str, str, str]:
        feature, provided = one
        return provided.order, provided.key, feature.rpartition(".")[2], feature

    return tuple(Provision(feature, one.key, one.value) for feature, one in sorted(found, key=place))


def _by_key(point: Point[Any], found: tuple[Provision[Any], ...]) -> dict[str, Any]:
    return each_once(point.name, ((one.feature, one.key, one.value) for one in found if one.key))
