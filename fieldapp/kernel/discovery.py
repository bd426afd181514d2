"""Features wire themselves: a folder with the agreed file names is found, nothing is listed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

#: The file names a feature may have; reading order is import order.
LAYERS = ("models", "figures", "commands", "notices", "offers", "routes")

Kind = TypeVar("Kind")


def features(roots: tuple[str, ...]) -> Iterator[str]:
    """Dotted names of all packages directly below `roots`, and of the roots that are features themselves."""
    for root in roots:
        package = import_module(root)
        children = [name for _, name, is_package in iter_modules(package.__path__) if is_package]
        if find_spec(f"{root}.offers") or find_spec(f"{root}.models"):
            yield root
        for child in sorted(children):
            yield f"{root}.{child}"


def layer(roots: tuple[str, ...], name: str) -> Iterator[ModuleType]:
    """Imports and yields the module `name` of every feature that has one (a file or a folder of that name)."""
    for feature in features(roots):
        if find_spec(f"{feature}.{name}") is not None:
            module = import_module(f"{feature}.{name}")
            yield module
            if hasattr(module, "__path__"):
                for _, inner, _ in iter_modules(module.__path__):
                    yield import_module(f"{feature}.{name}.{inner}")


def instances(roots: tuple[str, ...], name: str, kind: type[Kind]) -> Iterator[Kind]:
    """Every module-level object of type `kind` in the layer `name`, once each."""
    seen: set[int] = set()
    for module in layer(roots, name):
        for value in vars(module).values():
            if isinstance(value, kind) and id(value) not in seen:
                seen.add(id(value))
                yield value
