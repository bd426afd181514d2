"""Features wire themselves: a folder with the agreed file names is found, nothing is listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import NamedTuple, TypeVar

#: The file names a feature may have; reading order is import order.
LAYERS = ("models", "settings", "commands", "notices", "lists", "manifest", "routes")

Kind = TypeVar("Kind")


class Declared(NamedTuple):
    """A layer of a feature: `fieldapp.supply.parts` and its module `commands.submit`."""

    feature: str
    module: ModuleType


def features(roots: tuple[str, ...]) -> list[str]:
    """Dotted names of all features below `roots`, sorted by the names of their folders.

    A feature is a folder of a root, or of one of the groups that the root's package names in `GROUPS`. Where it names
    in `APART` the folders that hold no features, a folder that is in neither raises RuntimeError.
    """
    found = [name for root in roots for name in _below(root)]
    return sorted(found, key=lambda name: (name.rpartition(".")[2], name))


def _below(root: str) -> Iterator[str]:
    package = import_module(root)
    groups: tuple[str, ...] = getattr(package, "GROUPS", ())
    apart: tuple[str, ...] | None = getattr(package, "APART", None)
    if find_spec(f"{root}.manifest") or find_spec(f"{root}.models"):
        yield root
    for _, child, is_package in iter_modules(package.__path__):
        if not is_package or child in (apart or ()):
            continue
        if child in groups:
            yield from _below(f"{root}.{child}")
        elif apart is None:
            yield f"{root}.{child}"
        else:
            raise RuntimeError(f"{root}.{child} is in no group: move it into one of {', '.join(groups)}")


def layer(roots: tuple[str, ...], name: str) -> Iterator[Declared]:
    """Imports and yields the module `name` of every feature that has one (a file or a folder of that name)."""
    for feature in features(roots):
        if find_spec(f"{feature}.{name}") is not None:
            module = import_module(f"{feature}.{name}")
            yield Declared(feature, module)
            if hasattr(module, "__path__"):
                for _, inner, _ in iter_modules(module.__path__):
                    yield Declared(feature, import_module(f"{feature}.{name}.{inner}"))


def instances(roots: tuple[str, ...], name: str, kind: type[Kind]) -> Iterator[tuple[str, Kind]]:
    """Every module-level object of type `kind` in the layer `name`, once each, with the feature that has it."""
    seen: set[int] = set()
    for feature, module in layer(roots, name):
        for value in vars(module).values():
            if isinstance(value, kind) and id(value) not in seen:
                seen.add(id(value))
                yield feature, value


def each_once(what: str, declared: Iterable[tuple[str, str, Kind]]) -> dict[str, Kind]:
    """The values of `(feature, key, value)` by their keys. Raises RuntimeError where a key is declared twice."""
    found: dict[str, Kind] = {}
    owners: dict[str, str] = {}
    for feature, key, value in declared:
        if key in owners:
            raise RuntimeError(f"{owners[key]} and {feature} both declare the {what} {key}")
        owners[key], found[key] = feature, value
    return found
