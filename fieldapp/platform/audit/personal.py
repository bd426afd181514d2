"""Which values of an audit entry are personal: what the command's schema says; what nobody decided is personal.

A schema field says it in its metadata (`personal=True` or `False`, platform/web/fields.py). For names that stand in
audit entries only, a feature declares facts with `FACT_NAMES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Union

from flask import current_app
from marshmallow import Schema, fields

from fieldapp.platform.extensions import AppValue, KeyedPoint

#: True for personal, False for a fact, a mapping for a field with fields of its own.
Decision = Union[bool, "Decisions"]
Decisions = Mapping[str, Decision]

#: Names of values that are facts in the audit entries of a record type, beside the fields of its commands.
FACT_NAMES: KeyedPoint[frozenset[str]] = KeyedPoint("fact names")
#: Schemas of commands by kind, which is also the audit action. Set by fieldapp/wiring.py.
SCHEMAS: AppValue[Mapping[str, Schema]] = AppValue("audit_schemas")

#: Names that every record type uses and that are never personal.
_COMMON = frozenset(
    {"id", "kind", "number", "state", "total", "version", "ver", "verdict", "waiting", "merged_with", "outcome"}
    # Of entries about erasures.
    | {"entries", "erased_records", "erased_receipts"}
)
_CACHE = "audit_decisions"


def decision_of(field: fields.Field) -> Decision | None:
    """Return what a schema field says of its values; None where it says nothing."""
    said = field.metadata.get("personal")
    if said is not None:
        return bool(said)
    inner = field.inner if isinstance(field, fields.List) else field
    if isinstance(inner, fields.Nested):
        return decisions_of(inner.schema)
    return decision_of(inner) if inner is not field else None


def decisions_of(schema: Schema | type[Schema]) -> dict[str, Decision]:
    """Return the decisions of a schema's fields by name. What is not decided is left out, and so personal."""
    schema = schema() if isinstance(schema, type) else schema
    found = {name: decision_of(field) for name, field in schema.fields.items()}
    return {name: decision for name, decision in found.items() if decision is not None}


def undecided(schema: Schema, path: str = "") -> Iterator[str]:
    """Yield the paths of fields that do not say whether they are personal."""
    for name, field in schema.fields.items():
        inner = field.inner if isinstance(field, fields.List) else field
        if field.metadata.get("personal") is not None:
            continue
        if isinstance(inner, fields.Nested):
            yield from undecided(inner.schema, f"{path}{name}.")
        elif decision_of(field) is None:
            yield f"{path}{name}"


def decisions_for(action: str, agg_type: str) -> Decisions:
    """Return the decisions for the contents of an entry of the current application."""
    cache: dict[tuple[str, str], Decisions] = current_app.extensions.setdefault(_CACHE, {})
    known = cache.get((action, agg_type))
    if known is None:
        schema = SCHEMAS().get(action)
        names = _COMMON | (FACT_NAMES.get(agg_type) or frozenset())
        known = cache[action, agg_type] = {**dict.fromkeys(names, False), **(decisions_of(schema) if schema else {})}
    return known


#: Stands for a part that holds nothing.
NOTHING: Any = object()


def split(value: Any, decisions: Decisions) -> tuple[Any, Any]:
    """Return the facts and the personal part of JSON data; `NOTHING` for a part that is empty.

    Data under a name that nobody decided are looked into: their names mean what they mean outside.
    """
    if isinstance(value, dict):
        return _split_names(value, decisions)
    if value and isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return _split_rows(value, decisions)
    # An empty list says nothing of anybody.
    return (value, NOTHING) if value is None or value == [] else (NOTHING, value)


def _split_names(value: dict[str, Any], decisions: Decisions) -> tuple[Any, Any]:
    facts: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for name, inner in value.items():
        decision = decisions.get(name, decisions)
        if decision is True:
            parts = NOTHING, inner
        elif decision is False:
            parts = inner, NOTHING
        else:
            parts = split(inner, decision)
        for side, part in zip((facts, personal), parts, strict=True):
            if part is not NOTHING:
                side[name] = part
    if not personal:
        return facts, NOTHING
    return facts or NOTHING, personal


def _split_rows(value: list[dict[str, Any]], decisions: Decisions) -> tuple[Any, Any]:
    """Split a list row by row; both parts have as many rows, so that they can be joined."""
    pairs = [_split_names(row, decisions) for row in value]
    sides = ([{} if part is NOTHING else part for part in side] for side in zip(*pairs, strict=True))
    facts, personal = (side if any(side) else NOTHING for side in sides)
    return (value, NOTHING) if facts is personal else (facts, personal)


def join(facts: Any, personal: Any) -> Any:
    """Return the data that were split into these parts."""
    if facts is NOTHING or personal is NOTHING:
        return personal if facts is NOTHING else facts
    if isinstance(facts, dict):
        names = [*facts, *(name for name in personal if name not in facts)]
        return {name: join(facts.get(name, NOTHING), personal.get(name, NOTHING)) for name in names}
    return [join(one, other) for one, other in zip(facts, personal, strict=True)]
