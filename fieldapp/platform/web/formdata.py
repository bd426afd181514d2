"""From a form's name-value pairs to the data of an envelope.

The phone does the same in static/src/page/form-data.ts; tests/fixtures/form-data.json binds the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def to_data(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Dotted names become nested objects, numeric parts lists, `name[]` a list of values.

    Names with a part that begins with `_` serve the page itself and are left out;
    so are empty values and rows without any.
    """
    tree: dict[str, Any] = {}
    for name, value in pairs:
        if value == "" or not _is_field(name):
            continue
        if name.endswith("[]"):
            _branch(tree, name[:-2].split("."), listed=True).append(_one_kind_of_line_end(value))
        else:
            *path, last = name.split(".")
            node = _branch(tree, path)
            if isinstance(node, dict):
                node[last] = _one_kind_of_line_end(value)
    return {key: _listed(value) for key, value in tree.items()}


def _one_kind_of_line_end(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _is_field(name: str) -> bool:
    parts = name.removesuffix("[]").split(".")
    return len(name) <= 200 and all(part and not part.startswith("_") for part in parts)


def _branch(tree: dict[str, Any], path: list[str], listed: bool = False) -> Any:
    node: Any = tree
    for index, part in enumerate(path):
        wanted: Any = [] if listed and index == len(path) - 1 else {}
        child = node.get(part) if isinstance(node, dict) else None
        if not isinstance(child, type(wanted)):
            child = wanted
            node[part] = child
        node = child
    return node


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(inner) for key, inner in value.items()}
